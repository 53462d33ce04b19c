"""Everything that the RDMA machine and the host's Docker Engine need on a fresh machine."""

from __future__ import annotations

from devstack.packages import Program

QEMU = (
    Program("qemu-system-x86_64", ("qemu-system-x86",)),
    Program("qemu-img", ("qemu-utils",)),
)
IMAGE_BUILD = (
    Program("debootstrap", ("debootstrap",)),
    Program("mke2fs", ("e2fsprogs",)),
    Program("zstd", ("zstd",)),
    Program("unshare", ("util-linux",)),
    Program("mount", ("mount",)),
    Program("ssh-keygen", ("openssh-client",)),
)
ENGINE = (
    Program("dockerd", ("docker.io",)),
    Program("containerd", ("containerd",)),
    Program("runc", ("runc",)),
    Program("iptables", ("iptables",)),
    Program("ip", ("iproute2",)),
)
SOFT_RDMA = (
    Program("rdma", ("iproute2",)),
    Program("modprobe", ("kmod",)),
    Program("ibv_devices", ("ibverbs-utils", "rdma-core")),
    Program("ib_write_lat", ("perftest",)),
    Program("rping", ("rdmacm-utils",)),
)
VIRTUAL_MACHINE = (*QEMU, *IMAGE_BUILD, Program("ssh", ("openssh-client",)))
