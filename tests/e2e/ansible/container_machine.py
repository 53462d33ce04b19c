"""A Debian with systemd, sshd and a Docker Engine of its own, in a container of the host's engine.

It boots in seconds where an emulated machine takes minutes; to ansible it is a host over ssh like
any other. It has no RDMA device, and its kernel is the host's.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devstack.errors import DevstackError
from devstack.files import write_atomically
from devstack.machine import qemu
from devstack.machine.content_key import content_key
from devstack.machine.engine import open_engine
from devstack.machine.root_image import RootImageBuilder
from devstack.paths import Paths

_READY_S = 120.0
# What systemd, a Docker Engine and the services under them need; CAP_SYS_RESOURCE is no part of it,
# since a host may lack that itself.
_CAPABILITIES = ("SYS_ADMIN", "NET_ADMIN", "SYS_PTRACE", "IPC_LOCK", "SYSLOG", "DAC_READ_SEARCH")
_MASKED = " ".join([
    "apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "fstrim.timer",
    "systemd-networkd.service", "systemd-networkd.socket", "systemd-networkd-wait-online.service",
    "systemd-resolved.service", "systemd-firstboot.service", "systemd-udevd.service",
    "systemd-udev-trigger.service", "systemd-modules-load.service", "getty.target",
    "console-getty.service",
])  # fmt: skip
# The host's services are on its loopback; a machine knows them as 10.0.2.2, as a virtual one does.
# systemd mounts each controller of /proc/cgroups that is not mounted yet. With cgroups of version 1
# that makes hierarchies which outlive the machine and which the host has no mount for, and then
# the host's containerd tells of no container that ran out of memory. So it sees the mounted ones.
_START = """
set -eu
if grep -q ' cgroup ' /proc/mounts; then
    awk 'FNR == NR { if ($3 == "cgroup") { count = split($4, options, ",")
                     for (i = 1; i <= count; i++) mounted[options[i]] }; next }
         /^#/ || $1 in mounted' /proc/mounts /proc/cgroups >/run/cgroups
    mount --bind /run/cgroups /proc/cgroups
fi
mkdir -p -m 700 /root/.ssh /etc/docker
echo "$SWIFT_KEY" >/root/.ssh/authorized_keys
echo '{"exec-opts": ["native.cgroupdriver=cgroupfs"], "cgroup-parent": "'$SWIFT_CGROUP'"}' \
    >/etc/docker/daemon.json
for chain in OUTPUT PREROUTING; do
    iptables -t nat -A $chain -d "$SWIFT_HOST" -p tcp -j DNAT \
        --to-destination "$(ip route | sed -n 's/^default via \\([^ ]*\\).*/\\1/p')"
done
systemctl -q enable ssh.service docker.service
systemctl -q mask $SWIFT_MASKED
systemctl -q set-default multi-user.target
exec /usr/lib/systemd/systemd
"""
# With cgroups of version 1 a paused container's processes cannot be killed: the machine's end would
# wait for them for ever.
_THAW = """
systemctl kill --signal=SIGKILL swift-invoker.service docker.service 2>/dev/null
for state in /sys/fs/cgroup/freezer/$SWIFT_CGROUP/*/freezer.state; do
    [ ! -e "$state" ] || echo THAWED >"$state"
done
"""


@dataclass
class ContainerMachine:
    """One machine, by its name. What it asks 10.0.2.2 for comes to the host as :attr:`gateway`."""

    paths: Paths
    name: str

    host_address = qemu.HOST_ADDRESS

    def up(self) -> None:
        """Boot it, until ssh and its Docker Engine answer."""
        self.down()
        key = RootImageBuilder(self.paths).ensure_ssh_key().with_suffix(".pub").read_text()
        options = [f"--cap-add={name}" for name in _CAPABILITIES]
        options += [f"--security-opt={name}=unconfined" for name in ("seccomp", "apparmor")]
        options += [f"--tmpfs={path}" for path in ("/run:exec", "/run/lock", "/tmp:exec")]
        options += ["--cgroupns=host", "--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw"]
        options += [
            "--stop-signal=SIGRTMIN+3",
            "--volume=/var/lib/docker",
            f"--hostname={self.name}",
            f"--name={self._full}",
        ]
        options += [f"--env=SWIFT_KEY={key.strip()}", f"--env=SWIFT_CGROUP={self._cgroup}"]
        options += [f"--env=SWIFT_HOST={self.host_address}", f"--env=SWIFT_MASKED={_MASKED}"]
        self._docker("run", "--detach", *options, self._image(), "sh", "-c", _START)
        self._prepare_ssh()
        self._await()

    def down(self) -> None:
        """End it; nothing of it stays."""
        self.run("sh", "-c", _THAW, check=False)
        self._docker("rm", "--force", "--volumes", self._full, check=False)
        if self._docker("ps", "--all", "--quiet", f"--filter=name=^{self._full}$"):
            raise DevstackError(f"machine {self.name} could not be ended")

    def kill(self) -> None:
        """End it as a power cut does; :meth:`start` boots it with the disk as it is."""
        self.run("sh", "-c", _THAW, check=False)
        self._docker("kill", self._full)

    def start(self) -> None:
        """Boot it again."""
        self._docker("start", self._full)
        self._prepare_ssh()
        self._await()

    def load(self, tags: Sequence[str]) -> None:
        """Have images of the host's engine on it."""
        save = ["docker", "--host", self._engine, "save", *tags]
        load = ["docker", "--host", self._engine, "exec", "-i", self._full, "docker", "load", "-q"]
        with subprocess.Popen(save, stdout=subprocess.PIPE) as saving:
            subprocess.run(load, stdin=saving.stdout, check=True, capture_output=True, timeout=300)

    def run(self, *argv: str, check: bool = True) -> str:
        """Run a command on it; what it printed."""
        return self._docker("exec", self._full, *argv, check=check)

    @property
    def gateway(self) -> str:
        """The host's address on the machines' network."""
        return self._inspect("Gateway")

    @property
    def variables(self) -> dict[str, Any]:
        """How ansible reaches it; and that it has no RDMA device: its kernel is the host's."""
        return {
            "ansible_host": self._alias,
            "ansible_user": "root",
            "ansible_ssh_common_args": f"-F {self._ssh / 'config'}",
            "rdma_host_modules": [],
            "rdma_host_required": False,
            "swift_invoker_rdma_device": "",
        }

    @property
    def _engine(self) -> str:
        return open_engine(self.paths).docker_host_url

    @property
    def _full(self) -> str:
        return f"swift-deploy-{self.name}"

    @property
    def _alias(self) -> str:
        return f"{self.name}.swift.test"

    @property
    def _cgroup(self) -> str:
        # Below the cgroup of the devstack's own engine, which its end removes.
        return f"/swift-{content_key(str(self.paths.home))[:8]}/{self.name}"

    @property
    def _ssh(self) -> Path:
        return self.paths.run / f"ssh-{self.name}"

    def _image(self) -> str:
        base = RootImageBuilder(self.paths).ensure_base()
        tag = f"swift-test-debian:{base.name.partition('.')[0].removeprefix('base-')}"
        if not self._docker("image", "ls", "--quiet", tag):
            unpack = subprocess.Popen(["zstd", "-q", "-d", "-c", base], stdout=subprocess.PIPE)
            self._docker("import", "-", tag, stdin=unpack)
        return tag

    def _prepare_ssh(self) -> None:
        self._ssh.mkdir(mode=0o700, exist_ok=True)
        known = self.run("cat", "/etc/ssh/ssh_host_ed25519_key.pub").split()[:2]
        write_atomically(self._ssh / "known_hosts", f"{self._alias} {' '.join(known)}\n")
        lines = [
            f"Host {self._alias}",
            f"HostName {self._inspect('IPAddress')}",
            f"HostKeyAlias {self._alias}",
            f'IdentityFile "{RootImageBuilder(self.paths).ssh_key}"',
            "IdentitiesOnly yes",
            f'UserKnownHostsFile "{self._ssh / "known_hosts"}"',
            "StrictHostKeyChecking yes",
        ]
        write_atomically(self._ssh / "config", "\n".join(lines) + "\n")

    def _await(self) -> None:
        deadline = time.monotonic() + _READY_S
        ready = (
            "systemctl is-active --quiet ssh.service && docker version >/dev/null 2>&1 && echo up"
        )
        while self.run("sh", "-c", ready, check=False) != "up":
            if time.monotonic() > deadline:
                said = self.run("systemctl", "list-jobs", "--no-pager", check=False)
                raise DevstackError(f"machine {self.name} is not up after {_READY_S} s: {said}")
            time.sleep(0.5)

    def _inspect(self, what: str) -> str:
        return self._docker("inspect", "--format", f"{{{{.NetworkSettings.{what}}}}}", self._full)

    def _docker(
        self, *argv: str, check: bool = True, stdin: subprocess.Popen[bytes] | None = None
    ) -> str:
        done = subprocess.run(
            ["docker", "--host", self._engine, *argv],
            stdin=stdin.stdout if stdin else subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if check and done.returncode != 0:
            raise DevstackError(f"docker {argv[0]}: {done.stderr.strip()}")
        return done.stdout.strip()
