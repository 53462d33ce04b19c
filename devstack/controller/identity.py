"""Who is asking: found by key in the subjects database's view, kept for a minute."""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from devstack.controller.faults import Unauthorized

Json = Any
RIGHTS = ("READ", "PUT", "DELETE", "ACTIVATE")
_KEPT_SECONDS = 60.0
_MISSING = "The resource requires authentication, which was not supplied with the request"


@dataclass(frozen=True)
class Identity:
    """A subject in one namespace, with the key that proved it."""

    subject: str
    namespace: str
    namespace_uuid: str
    key: str = field(repr=False)
    limits: Mapping[str, Json] = field(default_factory=dict)
    rights: tuple[str, ...] = RIGHTS

    def to_json(self) -> dict[str, Json]:
        """The ``user`` of an ActivationMessage."""
        return {
            "authkey": {"api_key": f"{self.namespace_uuid}:{self.key}"},
            "limits": dict(self.limits),
            "namespace": {"name": self.namespace, "uuid": self.namespace_uuid},
            "rights": list(self.rights),
            "subject": self.subject,
        }


def system_identity() -> Identity:
    """``whisk.system`` with a key made for the occasion and no rights: for health tests."""
    name, key = "whisk.system", secrets.token_hex(32)
    return Identity(name, name, str(uuid.uuid4()), key, {}, ())


class IdentityRows(Protocol):
    """The part of the store that is needed here."""

    async def identity_rows(self, namespace_uuid: str, key: str) -> list[dict[str, Json]]:
        """Rows of the view ``identities`` for this key, with the limits documents."""


class Authenticator:
    """Turns an ``Authorization`` header into an :class:`Identity`."""

    def __init__(self, store: IdentityRows, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._clock = clock
        self._known: dict[tuple[str, str], tuple[float, Identity]] = {}

    async def identify(self, header: str | None) -> Identity:
        """The identity that the header proves; raises :class:`Unauthorized`."""
        namespace_uuid, key = _credentials(header)
        expiry, identity = self._known.get((namespace_uuid, key), (0.0, None))
        if identity is not None and self._clock() < expiry:
            return identity
        rows = await self._store.identity_rows(namespace_uuid, key)
        if len(rows) != 1 or not hmac.compare_digest(rows[0]["value"]["key"], key):
            self._known.pop((namespace_uuid, key), None)
            raise Unauthorized
        identity = _identity(rows[0])
        self._known[namespace_uuid, key] = (self._clock() + _KEPT_SECONDS, identity)
        return identity


def _credentials(header: str | None) -> tuple[str, str]:
    if header is None:
        raise Unauthorized(_MISSING)
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise Unauthorized(_MISSING)
    try:
        text = base64.b64decode(encoded, validate=True).decode("utf-8")
    except (binascii.Error, ValueError) as error:
        raise Unauthorized from error
    namespace_uuid, separator, key = text.partition(":")
    if not separator:
        raise Unauthorized
    return namespace_uuid, key


def _identity(row: dict[str, Json]) -> Identity:
    value = row["value"]
    # pouchdb-server leaves `doc` out when the namespace has no limits document.
    document = row.get("doc") or {}
    limits = {name: limit for name, limit in document.items() if not name.startswith("_")}
    return Identity(row["id"], value["namespace"], value["uuid"], value["key"], limits)
