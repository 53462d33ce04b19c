"""Actions from the store, with their code, cached by revision (behaviours 22-25)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import replace

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.errors import ApplicationFault, MalformedDocument
from invoker_plugin.store.couch import Couch, NotFound, RevisionMismatch
from invoker_plugin.wire import texts
from invoker_plugin.wire.action import Action
from invoker_plugin.wire.reference import ActionReference

Key = tuple[str, str]


class ActionNotFound(ApplicationFault):
    """The action was deleted since it was invoked."""


class ActionStore:
    """Fetches actions. Only reads that name a revision may be answered from memory.

    Concurrent reads of one revision become one. The cache is bounded by number and by code size.
    """

    def __init__(self, couch: Couch, settings: StoreSettings) -> None:
        self._couch = couch
        self._database = settings.actions
        self._most = settings.cached_actions
        self._most_bytes = settings.cached_bytes
        self._cache: OrderedDict[Key, Action] = OrderedDict()
        self._cached_bytes = 0
        self._reading: dict[Key, asyncio.Task[Action]] = {}

    async def fetch(self, reference: ActionReference, revision: str | None) -> Action:
        """Return the action at that revision, or as it is now if that is gone (behaviour 23).

        Raises :class:`ActionNotFound`, ``MalformedDocument`` or ``SystemFault``.
        """
        if revision is None:
            return await self._read(reference.fully_qualified, None)
        key = (reference.fully_qualified, revision)
        cached = self._cache.get(key)
        if cached is not None:
            self._cache.move_to_end(key)
            return cached
        reading = self._reading.get(key)
        if reading is None:
            reading = asyncio.ensure_future(self._read_and_keep(key))
            self._reading[key] = reading
            reading.add_done_callback(lambda _: self._reading.pop(key, None))
        # Shielded: one caller that gives up must not fail the others.
        return await asyncio.shield(reading)

    async def _read_and_keep(self, key: Key) -> Action:
        identifier, revision = key
        try:
            action = await self._read(identifier, revision)
        except RevisionMismatch:
            # Updated since it was invoked: the latest code wins, and that is not kept.
            return await self._read(identifier, None)
        self._keep(key, action)
        return action

    async def _read(self, identifier: str, revision: str | None) -> Action:
        try:
            document = await self._couch.document(self._database, identifier, revision)
            return await self._with_code(identifier, Action.parse(document))
        except NotFound:
            raise ActionNotFound(texts.ACTION_REMOVED) from None

    async def _with_code(self, identifier: str, action: Action) -> Action:
        attachment = action.execution.attachment
        if attachment is None:
            return action
        data = attachment.inline
        if data is None:
            name = attachment.document_attachment
            data = await self._couch.attachment(self._database, identifier, name)
        if attachment.length is not None and len(data) != attachment.length:
            raise MalformedDocument(
                f"code of {identifier}: {len(data)} bytes, but its document says"
                f" {attachment.length}"
            )
        return replace(action, execution=action.execution.with_code(data))

    def _keep(self, key: Key, action: Action) -> None:
        self._cache[key] = action
        self._cached_bytes += _code_bytes(action)
        while len(self._cache) > self._most or self._cached_bytes > self._most_bytes:
            _, dropped = self._cache.popitem(last=False)
            self._cached_bytes -= _code_bytes(dropped)


def _code_bytes(action: Action) -> int:
    return len(action.execution.code or "")
