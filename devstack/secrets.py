"""Generated credentials, kept in ``run/secrets.json`` (0600): nothing has a default password."""

from __future__ import annotations

import json
import secrets
import string
import uuid
from dataclasses import dataclass

from devstack.files import write_atomically
from devstack.paths import Paths

_LETTERS = string.ascii_letters + string.digits
# OpenWhisk's own wskadmin makes keys of 64 letters and digits, and clients check the length.
_KEY_LENGTH = 64


@dataclass(frozen=True)
class Subject:
    """Who may call the API: the uuid and key that make its basic authentication."""

    uuid: str
    key: str

    @property
    def authorization(self) -> str:
        """``uuid:key``, as ``wsk property set --auth`` takes it."""
        return f"{self.uuid}:{self.key}"


def new_subject() -> Subject:
    """A subject with a fresh uuid and key."""
    return Subject(str(uuid.uuid4()), _random(_KEY_LENGTH))


class Secrets:
    """The devstack's credentials by name; made when first asked for, then kept."""

    def __init__(self, paths: Paths) -> None:
        self._file = paths.run / "secrets.json"

    def password(self, name: str) -> str:
        """The password called ``name``."""
        known = self._read()
        if name not in known["passwords"]:
            known["passwords"][name] = _random(32)
            self._write(known)
        return known["passwords"][name]

    def subject(self, name: str) -> Subject:
        """The uuid and key of the subject ``name``."""
        known = self._read()
        if name not in known["uuids"]:
            self.keep_subject(name, new_subject())
            known = self._read()
        return Subject(known["uuids"][name], known["keys"][name])

    def keep_subject(self, name: str, subject: Subject) -> None:
        """Remember ``subject``, for example one that an existing store already had."""
        known = self._read()
        known["uuids"][name], known["keys"][name] = subject.uuid, subject.key
        self._write(known)

    def _read(self) -> dict[str, dict[str, str]]:
        known: dict[str, dict[str, str]] = {"passwords": {}, "uuids": {}, "keys": {}}
        if self._file.exists():
            known.update(json.loads(self._file.read_text()))
        return known

    def _write(self, known: dict[str, dict[str, str]]) -> None:
        write_atomically(self._file, json.dumps(known, indent=1), mode=0o600)


def _random(length: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(length))
