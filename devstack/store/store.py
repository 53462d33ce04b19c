"""The store as the rest of the devstack sees it, whichever server it is."""

from __future__ import annotations

from pathlib import Path

from devstack import packages
from devstack.errors import DevstackError
from devstack.paths import Paths
from devstack.secrets import Secrets, Subject
from devstack.store.contents import ensure_contents
from devstack.store.couch import Couch
from devstack.store.server import StoreServer
from devstack.store.settings import Databases, StoreAddress, existing_store


class Store:
    """An existing CouchDB where one is named, else our own server; with OpenWhisk's contents."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._secrets = Secrets(paths)
        self._server = StoreServer(paths)
        self._existing = existing_store()
        self.databases = Databases.find()

    @property
    def address(self) -> StoreAddress:
        """Where the store is, for clients on this host."""
        return self._existing or self._server.address

    @property
    def couch(self) -> Couch:
        """A client of it."""
        return Couch(self.address)

    @property
    def pid(self) -> int | None:
        """The process of our own server, when it runs."""
        return self._server.pid

    @property
    def log(self) -> Path:
        return self._server.log

    def programs(self) -> tuple[packages.Program, ...]:
        """What the machine needs for it."""
        return () if self._existing else (packages.NODE, packages.NPM)

    def ensure_installed(self) -> str:
        """Have the server's program."""
        return (
            "not needed: DEVSTACK_COUCHDB_URL"
            if self._existing
            else (self._server.ensure_installed())
        )

    def ensure_started(self) -> str:
        """Have the server running, or see that the existing one answers."""
        if self._existing is None:
            return self._server.ensure_started()
        try:
            version = self.couch.welcome().get("version")
        except OSError as error:
            raise DevstackError(
                f"no CouchDB answers at {self._existing.url} (DEVSTACK_COUCHDB_URL): {error}"
            ) from error
        return f"existing: {self._existing.url} version {version}"

    def ensure_contents(self) -> str:
        """Have databases, design documents and subjects in it."""
        return ensure_contents(self.couch, self.databases, self._secrets)

    def subject(self, name: str = "guest") -> Subject:
        """The credentials of ``guest`` or ``whisk.system``."""
        return self._secrets.subject(name)

    def environment(self) -> dict[str, str]:
        """OpenWhisk's settings for clients of the store on this host."""
        address, databases = self.address, self.databases
        return {
            "CONFIG_whisk_couchdb_provider": "CouchDB",
            "CONFIG_whisk_couchdb_protocol": address.protocol,
            "CONFIG_whisk_couchdb_host": address.host,
            "CONFIG_whisk_couchdb_port": str(address.port),
            "CONFIG_whisk_couchdb_username": address.user,
            "CONFIG_whisk_couchdb_password": address.password,
            "CONFIG_whisk_couchdb_databases_WhiskAuth": databases.subjects,
            "CONFIG_whisk_couchdb_databases_WhiskEntity": databases.whisks,
            "CONFIG_whisk_couchdb_databases_WhiskActivation": databases.activations,
        }

    def state(self) -> str:
        """One line on whether it is up."""
        if self._existing is not None:
            return f"existing: {self._existing.url}"
        return "down" if self.pid is None else f"up, pid {self.pid}, {self.address.url}"

    def stop(self) -> bool:
        """Stop our own server; an existing CouchDB is left alone."""
        return self._server.stop()
