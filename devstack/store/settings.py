"""Where the store is and what its databases are called."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from devstack.errors import DevstackError


@dataclass(frozen=True)
class Databases:
    """The databases' names; the defaults are those of a local OpenWhisk."""

    subjects: str = "local_subjects"
    whisks: str = "local_whisks"
    activations: str = "local_activations"

    @classmethod
    def find(cls, environ: Mapping[str, str] | None = None) -> Databases:
        """As ``DEVSTACK_DATABASES_{SUBJECTS,WHISKS,ACTIVATIONS}`` say."""
        given = os.environ if environ is None else environ
        default = cls()
        return cls(
            given.get("DEVSTACK_DATABASES_SUBJECTS", default.subjects),
            given.get("DEVSTACK_DATABASES_WHISKS", default.whisks),
            given.get("DEVSTACK_DATABASES_ACTIVATIONS", default.activations),
        )


@dataclass(frozen=True)
class StoreAddress:
    """A CouchDB server's address and the credentials for it."""

    protocol: str
    host: str
    port: int
    user: str
    password: str

    @property
    def url(self) -> str:
        """The address without credentials."""
        return f"{self.protocol}://{self.host}:{self.port}"


def existing_store(environ: Mapping[str, str] | None = None) -> StoreAddress | None:
    """The CouchDB that ``DEVSTACK_COUCHDB_URL`` names (``http://user:password@host:port``)."""
    url = (os.environ if environ is None else environ).get("DEVSTACK_COUCHDB_URL")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise DevstackError(
            f"DEVSTACK_COUCHDB_URL is not an address like http://user:password@host:5984: "
            f"its scheme is {parts.scheme or 'missing'}"
        )
    if parts.username is None or parts.password is None:
        raise DevstackError("DEVSTACK_COUCHDB_URL has no user and password: an admin's are needed")
    default = 443 if parts.scheme == "https" else 5984
    return StoreAddress(
        parts.scheme,
        parts.hostname,
        parts.port or default,
        unquote(parts.username),
        unquote(parts.password),
    )
