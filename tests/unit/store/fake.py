"""A store in memory that fails as a test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from invoker_plugin.store.couch import CouchStore, DocumentMissing, StoreFault

DEADLINE_S = 10.0


class FakeStore(CouchStore):
    """Stands in for the adapter; counts what it is asked."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.attachments: dict[tuple[str, str], bytes] = {}
        self.rows: list[Any] = []
        self.faults: list[StoreFault] = []
        self.refused: set[str] = set()
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.requests: list[str] = []
        self.writes: list[list[str]] = []
        self.gate: asyncio.Event | None = None

    async def _asked(self, what: str) -> None:
        self.requests.append(what)
        await asyncio.sleep(0)
        if self.gate is not None:
            await self.gate.wait()
        if self.faults:
            raise self.faults.pop(0)

    async def get(self, database: str, key: str, revision: str | None = None) -> dict[str, Any]:
        await self._asked(f"get {key} {revision}")
        if key not in self.documents:
            raise DocumentMissing(f"{key}: missing", 404)
        return self.documents[key]

    async def attachment(
        self, database: str, key: str, name: str, revision: str | None = None
    ) -> bytes:
        await self._asked(f"attachment {key} {name} {revision}")
        return self.attachments[key, name]

    async def write(self, database: str, documents: list[bytes]) -> list[dict[str, Any]]:
        keys = [str(json.loads(document)["_id"]) for document in documents]
        await self._asked(f"write {len(keys)}")
        self.writes.append(keys)
        if self.refused.intersection(keys):
            raise StoreFault("the store answered 413: too large", 413)
        return [self._write(key, document) for key, document in zip(keys, documents, strict=True)]

    def _write(self, key: str, document: bytes) -> dict[str, Any]:
        if self.answers.get(key):
            return self.answers[key].pop(0)
        if key in self.documents:
            return {"id": key, "error": "conflict", "reason": "Document update conflict"}
        self.documents[key] = json.loads(document)
        return {"ok": True, "id": key, "rev": "1-a"}

    async def view(self, database: str, design: str, view: str, **query: str) -> list[Any]:
        await self._asked(f"view {design}/{view}")
        return self.rows

    async def close(self) -> None:
        """Nothing is held."""


async def until(condition: Callable[[], bool]) -> None:
    """Give other tasks turns until ``condition`` holds; fail at the deadline."""
    deadline = asyncio.get_running_loop().time() + DEADLINE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "the condition never held"
        await asyncio.sleep(0.001)
