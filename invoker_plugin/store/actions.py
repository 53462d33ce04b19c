"""Actions by reference and revision, with their code (behaviours 22 to 25)."""

from __future__ import annotations

import asyncio
import logging

from invoker_plugin.errors import ApplicationFault, MalformedDocument, SystemFault
from invoker_plugin.log import event
from invoker_plugin.store.cache import ActionCache
from invoker_plugin.store.couch import CouchStore, DocumentMissing, RevisionConflict, StoreFault
from invoker_plugin.wire import texts
from invoker_plugin.wire.action import Action, Execution
from invoker_plugin.wire.reference import ActionReference

logger = logging.getLogger(__name__)


class ActionNotFound(ApplicationFault):
    """The action was deleted meanwhile, or never was."""


class ActionStore:
    """Fetches actions; those asked for by revision are kept in memory.

    Any number of askers for one revision cost one request.
    """

    def __init__(self, store: CouchStore, database: str, cache: ActionCache) -> None:
        self._store = store
        self._database = database
        self._cache = cache
        self._fetching: dict[tuple[str, str], asyncio.Task[Action]] = {}

    async def fetch(self, reference: ActionReference, revision: str | None) -> Action:
        """Return the action with its code resolved.

        Without ``revision`` (health actions) the cache is passed by. Where the stored revision is
        another one, the newest code wins. The errors' texts are for the user: raises
        :class:`ActionNotFound`, ``MalformedDocument`` or ``SystemFault``.
        """
        if revision is None:
            return await self._fetch(reference, None)
        key = (reference.fully_qualified, revision)
        cached = self._cache.get(key)
        if cached is not None:
            return cached
        task = self._fetching.get(key)
        if task is None:
            task = asyncio.ensure_future(self._fetch(reference, revision))
            self._fetching[key] = task
            task.add_done_callback(lambda _: self._fetching.pop(key, None))
        # Shielded: one asker that gives up must not fail the others.
        return await asyncio.shield(task)

    async def _fetch(self, reference: ActionReference, revision: str | None) -> Action:
        try:
            action = await self._read(reference.fully_qualified, revision)
        except DocumentMissing:
            raise ActionNotFound(texts.ACTION_REMOVED) from None
        except MalformedDocument as fault:
            self._failed(reference, revision, fault)
            raise MalformedDocument(texts.ACTION_MISMATCH) from None
        except StoreFault as fault:
            self._failed(reference, revision, fault)
            raise SystemFault(texts.ACTION_FETCH_ERROR) from None
        if revision is not None and action.revision is not None:
            self._cache.put((reference.fully_qualified, action.revision), action)
        return action

    async def _read(self, key: str, revision: str | None) -> Action:
        try:
            document = await self._store.get(self._database, key, revision)
        except RevisionConflict:
            document = await self._store.get(self._database, key)
        action = Action.parse(document)
        if action.execution.attachment is None:
            return action
        return action.with_execution(await self._with_code(key, action))

    async def _with_code(self, key: str, action: Action) -> Execution:
        attachment = action.execution.attachment
        assert attachment is not None
        code = attachment.inline
        if code is None:
            name = attachment.document_attachment
            code = await self._store.attachment(self._database, key, name, action.revision)
        if attachment.length not in (None, len(code)):
            raise MalformedDocument(f"{len(code)} bytes of code, and not {attachment.length}")
        return action.execution.with_code(code)

    def _failed(self, reference: ActionReference, revision: str | None, fault: Exception) -> None:
        event(
            logger,
            logging.WARNING,
            "action-not-fetched",
            action=reference.fully_qualified,
            revision=revision,
            error=str(fault),
        )
