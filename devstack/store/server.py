"""pouchdb-server from npm: installed from the lock file, run on loopback with its data on disk."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from pathlib import Path

from devstack import commands
from devstack.errors import DevstackError
from devstack.files import write_atomically
from devstack.paths import PACKAGE, Paths
from devstack.ports import Ports
from devstack.process import Daemon
from devstack.secrets import Secrets
from devstack.store.couch import Couch
from devstack.store.settings import StoreAddress

_NPM = PACKAGE / "npm"
_USER = "devstack"
_INSTALLED = "installed"


class StoreServer:
    """The devstack's own store. It holds no accounts: ``npm/guard.js`` checks every request."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._ports = Ports(paths)
        self._secrets = Secrets(paths)

    @property
    def address(self) -> StoreAddress:
        """Where it listens (once started) and the generated credentials."""
        password = self._secrets.password("store")
        return StoreAddress("http", "127.0.0.1", self._ports.get("store"), _USER, password)

    @property
    def pid(self) -> int | None:
        return self._daemon().pid()

    @property
    def log(self) -> Path:
        return self._daemon().log

    def ensure_installed(self) -> str:
        """Have the npm packages of ``package-lock.json``."""
        kept = self._modules
        if (kept / _INSTALLED).exists():
            return "kept: pouchdb-server"
        scratch = Path(tempfile.mkdtemp(prefix="npm.", dir=self._paths.cache))
        try:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_NPM / name, scratch)
            # No install scripts: leveldown ships its binaries ready, and sqlite3, the one package
            # that would compile something, is not used.
            commands.run(
                ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                self._paths.logs / "npm.log",
                what="installing pouchdb-server with npm",
                directory=scratch,
            )
            (scratch / _INSTALLED).touch()
            shutil.rmtree(kept, ignore_errors=True)
            scratch.rename(kept)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        return "installed: pouchdb-server"

    def ensure_started(self) -> str:
        """Have it running."""
        if self.pid is None:
            self._ports.settle("store")
        started = self._daemon().start()
        return f"{'started' if started else 'kept'}: {self.address.url}"

    def stop(self) -> bool:
        """Stop it; False when it did not run."""
        return self._daemon().stop()

    @property
    def _modules(self) -> Path:
        lock = hashlib.sha256((_NPM / "package-lock.json").read_bytes()).hexdigest()[:16]
        return self._paths.cache / f"npm-{lock}"

    def _daemon(self) -> Daemon:
        data = self._paths.data / "store"
        address = self.address
        return Daemon(
            self._paths,
            "store",
            [
                shutil.which("node") or "node",
                "--require",
                str(_NPM / "guard.js"),
                str(self._modules / "node_modules/pouchdb-server/bin/pouchdb-server"),
                "--host",
                address.host,
                "--port",
                str(address.port),
                "--dir",
                str(data),
                "--config",
                str(self._configuration(data)),
                "--no-stdout-logs",
            ],
            ready=lambda: "version" in Couch(address, timeout_s=2.0).welcome(),
            environment={"STORE_CREDENTIALS": f"{address.user}:{address.password}"},
            directory=self._paths.run,
        )

    def _configuration(self, data: Path) -> Path:
        """Its configuration file, which it rewrites itself (it keeps its own uuid there)."""
        file = data / "config.json"
        if not file.exists():
            if data.exists() and not data.is_dir():
                raise DevstackError(f"{data} is not a directory; move it away")
            log = {"file": str(self._paths.logs / "store-errors.log"), "level": "warning"}
            write_atomically(file, json.dumps({"log": log}, indent=2))
        return file
