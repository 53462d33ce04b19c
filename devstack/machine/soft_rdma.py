"""A soft-RoCE device on this host, on a network device of its own; undone when told."""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass
from pathlib import Path

from devstack import commands
from devstack.errors import DevstackError
from devstack.files import write_atomically
from devstack.machine.choice import rdma_devices
from devstack.machine.privilege import as_root
from devstack.paths import Paths

DEVICE = "swiftrxe0"
ADDRESS = "10.0.77.1"
_NETWORK_DEVICE = "swiftrdma0"
_MODULES = ("crc32_generic", "dummy", "rdma_rxe", "rdma_ucm", "ib_uverbs")


@dataclass(frozen=True)
class SoftRdma:
    """The device by its name :data:`DEVICE`; what was added for it is written down."""

    paths: Paths

    def works(self) -> bool:
        """Whether this kernel can do it, found out by trying once and remembered by kernel."""
        remembered = self.paths.cache / "machine" / f"soft-rdma-{platform.release()}.json"
        if remembered.exists():
            known: bool = json.loads(remembered.read_text())
            return known
        worked = self._try()
        write_atomically(remembered, json.dumps(worked), 0o644)
        return worked

    def present(self) -> bool:
        return DEVICE in rdma_devices()

    def add(self) -> None:
        """Have the device; raises DevstackError when the kernel has no rdma_rxe."""
        if self.present():
            return
        write_atomically(self._record, json.dumps([DEVICE, _NETWORK_DEVICE]))
        # crc32_generic must be there before a link is added: rxe asks for that hash by name.
        self._run(["modprobe", "-a", *_MODULES])
        if not Path("/sys/class/net", _NETWORK_DEVICE).exists():
            self._run(["ip", "link", "add", _NETWORK_DEVICE, "type", "dummy"])
        self._run(["ip", "addr", "replace", f"{ADDRESS}/24", "dev", _NETWORK_DEVICE])
        self._run(["ip", "link", "set", _NETWORK_DEVICE, "up"])
        self._run(["rdma", "link", "add", DEVICE, "type", "rxe", "netdev", _NETWORK_DEVICE])

    def remove(self) -> bool:
        """Take away what :meth:`add` added; says whether there was anything."""
        if not self._record.exists():
            return False
        if self.present():
            self._run(["rdma", "link", "delete", DEVICE])
        if Path("/sys/class/net", _NETWORK_DEVICE).exists():
            self._run(["ip", "link", "delete", _NETWORK_DEVICE])
        self._record.unlink()
        return True

    @property
    def _record(self) -> Path:
        return self.paths.data / "machine" / "soft-rdma.json"

    def _try(self) -> bool:
        if commands.output_of(["modprobe", "--dry-run", "rdma_rxe"]) is None:
            return False
        try:
            self.add()
        except DevstackError:
            # Not a failure of ours: the answer is no, and the log says why.
            return False
        finally:
            self.remove()
        return True

    def _run(self, argv: list[str]) -> None:
        log = self.paths.logs / "soft-rdma.log"
        commands.run(as_root(argv), log, what=f"soft-RoCE on this host: {argv[0]}")
