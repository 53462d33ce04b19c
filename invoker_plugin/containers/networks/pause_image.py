"""The image of the containers that hold a network namespace: one program that sleeps, 129 bytes.

Made here and imported, so that no registry is needed and nothing of the deployment's images is
assumed. It is what Kubernetes' pause image is to a pod.
"""

from __future__ import annotations

import io
import struct
import tarfile

from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.engine_errors import DockerFault

NAME, TAG = "swift-invoker/pause", "1"
ARCHITECTURES = ("amd64", "x86_64")
"""Docker's names of the processors that the program runs on."""
_NOT_FOUND = 404

_BASE = 0x400000
_HEADERS = 64 + 56
_CODE = (
    b"\xb8\x22\x00\x00\x00"  # again: mov eax, 34 (pause)
    b"\x0f\x05"  # syscall
    b"\xeb\xf7"  # jmp again
)


def program() -> bytes:
    """A static ELF file for x86-64 (System V ABI): one segment, one loop."""
    size = _HEADERS + len(_CODE)
    identity = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    header = identity + struct.pack(
        "<HHIQQQIHHHHHH", 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, _BASE, _BASE, size, size, 0x1000)
    return header + segment + _CODE


def archive() -> bytes:
    """The image's whole content, as a tar file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("pause")
        entry.size, entry.mode = len(program()), 0o555
        tar.addfile(entry, io.BytesIO(program()))
    return buffer.getvalue()


async def ensure(engine: Engine) -> str:
    """Have the image on the host; its name. Raises DockerFault."""
    name = f"{NAME}:{TAG}"
    try:
        await engine.image(name)
    except DockerFault as fault:
        if fault.status != _NOT_FOUND:
            raise
        await engine.import_image(archive(), NAME, TAG, ['ENTRYPOINT ["/pause"]'])
    return name
