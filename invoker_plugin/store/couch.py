"""The one place that talks to CouchDB, through the package ``couchdb``.

The package is synchronous and unmaintained (last release 2018), so it stays behind this adapter:
requests run in a few threads, and everything that can go wrong comes out as one of our errors.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import quote

from couchdb import http as couch_http

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.errors import SystemFault

T = TypeVar("T")

_FAULTS = (OSError, http.client.HTTPException, couch_http.ServerError, couch_http.Unauthorized)


class NotFound(SystemFault):
    """The store answered that there is no such document or attachment."""


class RevisionMismatch(SystemFault):
    """The document's revision is not the one that was asked for."""


class Couch:
    """Reads documents and attachments, writes in bulk, queries views."""

    def __init__(self, settings: StoreSettings) -> None:
        self._settings = settings
        self._threads = ThreadPoolExecutor(settings.connections, "store")
        self._session = _session(settings)

    async def document(
        self, database: str, identifier: str, revision: str | None = None
    ) -> dict[str, Any]:
        """Return a document; with ``revision`` only that one (``If-Match``, as the capture has it).

        Raises :class:`NotFound`, :class:`RevisionMismatch` or ``SystemFault``.
        """
        headers = {"If-Match": revision} if revision else {}
        found = json.loads(await self._call(self._get, database, (identifier,), headers))
        # pouchdb-server ignores If-Match on reads: the answer itself is checked as well.
        if not isinstance(found, dict):
            raise SystemFault(f"the store's answer for {identifier} is no document")
        if revision and found.get("_rev") != revision:
            raise RevisionMismatch(f"{identifier} is now at revision {found.get('_rev')}")
        return found

    async def attachment(self, database: str, identifier: str, name: str) -> bytes:
        """Return a document's attachment; raises :class:`NotFound` or ``SystemFault``."""
        return await self._call(self._get, database, (identifier, name), {})

    async def bulk(self, database: str, documents: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Write documents; the store's answer for each, in order. Raises ``SystemFault``."""
        body = json.dumps({"docs": documents}, ensure_ascii=False).encode(errors="surrogatepass")
        answer = json.loads(await self._call(self._post, database, ("_bulk_docs",), body))
        if not isinstance(answer, list):
            raise SystemFault(f"the store refused a batch: {str(answer)[:200]}")
        return answer

    async def view(
        self, database: str, design: str, name: str, query: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Return a view's rows; raises ``SystemFault``."""
        path = ("_design", design, "_view", name)
        answer = json.loads(await self._call(self._get, database, path, {}, query))
        rows = answer.get("rows") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise SystemFault(f"the view {design}/{name} answered no rows")
        return rows

    async def close(self) -> None:
        """Let go of the threads; what they do now is finished first."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    # -- in the threads -------------------------------------------------------------------------

    def _get(
        self,
        database: str,
        path: tuple[str, ...],
        headers: Mapping[str, str],
        query: Mapping[str, str] | None = None,
    ) -> bytes:
        resource = self._resource(database, path)
        _, _, data = resource.get(headers=dict(headers), **(query or {}))
        return _bytes(data)

    def _post(self, database: str, path: tuple[str, ...], body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        _, _, data = self._resource(database, path).post(body=body, headers=headers)
        return _bytes(data)

    def _resource(self, database: str, path: tuple[str, ...]) -> Any:
        parts = [quote(part, safe="") for part in (database, *path)]
        if path[0].startswith("_"):
            parts[1:] = [quote(part, safe="_.") for part in path]
        resource = couch_http.Resource("/".join([self._settings.url, *parts]), self._session)
        if self._settings.username:
            resource.credentials = (self._settings.username, self._settings.password)
        return resource

    async def _call(self, work: Callable[..., T], database: str, *arguments: Any) -> T:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, work, database, *arguments)
        except couch_http.ResourceNotFound:
            raise NotFound(f"not in database {database}") from None
        except couch_http.ResourceConflict:
            raise RevisionMismatch(f"conflict in database {database}") from None
        except couch_http.PreconditionFailed:
            raise RevisionMismatch(f"revision mismatch in database {database}") from None
        except couch_http.HTTPError as fault:
            raise SystemFault(f"the store at {self._settings.url}: {str(fault)[:200]}") from None
        except _FAULTS as fault:
            text = str(fault) or type(fault).__name__
            raise SystemFault(f"the store at {self._settings.url}: {text[:200]}") from None
        except ValueError as fault:
            raise SystemFault(f"the store's answer is not JSON: {str(fault)[:200]}") from None


def _session(settings: StoreSettings) -> Any:
    """A session whose connections check certificates against the operator's file, if there is one.

    A kept connection that the server closed meanwhile is tried once more: all our requests may
    be repeated, since records have ids of their own.
    """
    session = couch_http.Session(timeout=settings.timeout_ms / 1000, retry_delays=[0])
    if settings.protocol == "https" and settings.ca_certificates:
        context = ssl.create_default_context(cafile=settings.ca_certificates)
        session.connection_pool = _TrustingPool(settings.timeout_ms / 1000, context)
    return session


class _TrustingPool(couch_http.ConnectionPool):  # type: ignore[misc]
    """Opens TLS connections with our own certificates: the package has no setting for that."""

    def __init__(self, timeout_s: float, context: ssl.SSLContext) -> None:
        super().__init__(timeout_s)
        self._context = context

    def get(self, url: str) -> Any:
        host = url.split("/")[2].rpartition("@")[2]
        with self.lock:
            kept = self.conns.setdefault(("https", host), [])
            if kept:
                return kept.pop()
        connection = couch_http.HTTPSConnection(host, timeout=self.timeout, context=self._context)
        connection.connect()
        return connection


def _bytes(data: Any) -> bytes:
    """The package answers with a stream, or with ``BytesIO`` for small bodies."""
    content: bytes = data.read()
    return content
