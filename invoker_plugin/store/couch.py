"""A thin adapter on the ``couchdb`` package: the few requests that an invoker makes.

Everything is synchronous in that package, so each request runs in a thread of a small pool.
"""

from __future__ import annotations

import asyncio
import http.client
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from couchdb import http as couchdb_http

from invoker_plugin.config.store import StoreSettings
from invoker_plugin.errors import ConfigurationError, SystemFault
from invoker_plugin.wire import jsontext

Result = TypeVar("Result")


class StoreFault(SystemFault):
    """The store could not be asked, or did not do what it was asked. ``status`` is HTTP's."""

    def __init__(self, text: str, status: int | None = None) -> None:
        super().__init__(text)
        self.status = status

    @property
    def refused(self) -> bool:
        """Whether the request itself is at fault, so that the same one fails again."""
        return self.status in (400, 413)


class DocumentMissing(StoreFault):
    """There is no such document (any more)."""


class RevisionConflict(StoreFault):
    """The document has another revision than the one that was asked for."""


class CouchStore:
    """One server. Its databases are named in each request."""

    def __init__(self, settings: StoreSettings) -> None:
        self._url = settings.url
        self._threads = ThreadPoolExecutor(settings.connections, "store")
        self._resource = couchdb_http.Resource(self._url, _session(settings))
        if settings.username:
            self._resource.credentials = (settings.username, settings.password)

    async def get(self, database: str, key: str, revision: str | None = None) -> dict[str, Any]:
        """Return a document. Stock invokers name the revision in ``If-Match``, and so do we.

        CouchDB answers with the newest revision all the same, so compare ``_rev``. Raises
        :class:`DocumentMissing`, :class:`RevisionConflict` or :class:`StoreFault`.
        """
        body = await self._request("GET", [database, key], headers=_if_match(revision))
        document = _decode(body)
        if not isinstance(document, dict):
            raise StoreFault(f"{database}/{key}: the store did not answer with a document")
        return document

    async def attachment(
        self, database: str, key: str, name: str, revision: str | None = None
    ) -> bytes:
        """Return the bytes of a document's attachment; raises as :meth:`get`."""
        return await self._request("GET", [database, key, name], headers=_if_match(revision))

    async def write(self, database: str, documents: list[bytes]) -> list[dict[str, Any]]:
        """Write documents (JSON) in one request; return the store's answer for each, in order."""
        body = b'{"docs":[' + b",".join(documents) + b"]}"
        headers = {"Content-Type": "application/json"}
        answer = _decode(await self._request("POST", [database, "_bulk_docs"], body, headers))
        if not isinstance(answer, list):
            raise StoreFault(f"{database}/_bulk_docs: the store did not answer for each document")
        return answer

    async def view(self, database: str, design: str, view: str, **query: str) -> list[Any]:
        """Return the rows of a view."""
        path = [database, "_design", design, "_view", view]
        answer = _decode(await self._request("GET", path, query=query))
        rows = answer.get("rows") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise StoreFault(f"{'/'.join(path)}: the store did not answer with rows")
        return rows

    async def alive(self) -> bool:
        """Whether the server answers at all."""
        try:
            await self._request("GET", [])
        except StoreFault:
            return False
        return True

    async def close(self) -> None:
        """Wait for requests under way; later ones fail."""
        await asyncio.get_running_loop().run_in_executor(None, self._threads.shutdown)

    async def _request(
        self,
        method: str,
        path: list[str],
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        query: dict[str, str] | None = None,
    ) -> bytes:
        def request() -> bytes:
            _, _, data = self._resource._request(method, path, body, headers, **(query or {}))
            return bytes(data.read()) if data is not None else b""

        return await self._in_thread(request, "/".join(path))

    async def _in_thread(self, function: Callable[[], Result], what: str) -> Result:
        loop = asyncio.get_running_loop()
        try:
            return await loop.run_in_executor(self._threads, function)
        except couchdb_http.ResourceNotFound as failure:
            raise DocumentMissing(f"{what}: {failure}", 404) from None
        except (couchdb_http.ResourceConflict, couchdb_http.PreconditionFailed) as failure:
            raise RevisionConflict(f"{what}: {failure}", 409) from None
        except couchdb_http.Unauthorized:
            raise StoreFault(f"{what}: {self._url} refuses our user or password", 401) from None
        except couchdb_http.Forbidden as failure:
            raise StoreFault(f"{what}: {failure}", 403) from None
        except couchdb_http.ServerError as failure:
            status, text = failure.args[0]
            raise StoreFault(f"{what}: the store answered {status}: {text}", status) from None
        except (OSError, http.client.HTTPException, couchdb_http.RedirectLimit) as failure:
            text = f"{type(failure).__name__}: {failure}"
            raise StoreFault(f"{what}: {self._url} cannot be reached: {text}") from None
        except (AttributeError, TypeError, ValueError) as failure:
            # The package trips over error pages that are large, or that are not JSON.
            text = f"{type(failure).__name__}: {failure}"
            raise StoreFault(f"{what}: the store's answer cannot be read: {text}") from None
        except RuntimeError as failure:  # the pool of threads was shut down
            raise StoreFault(f"{what}: {failure}") from None


class _Body(couchdb_http.ResponseBody):  # type: ignore[misc]  # it has no types
    """A body that the package streams; its own error handling takes each for plain bytes."""

    def decode(self, encoding: str) -> str:
        """Return the whole body as text."""
        text: str = self.read().decode(encoding)
        return text


# Without this an error that comes in chunks (a 401 of pouchdb-server) loses its status.
couchdb_http.ResponseBody = _Body


class _NoCache:
    """Keeps nothing: actions have a cache of their own, and the package's is not thread-safe."""

    def get(self, url: str) -> None:
        """Know nothing."""

    def put(self, url: str, response: Any) -> None:
        """Keep nothing."""

    def remove(self, url: str) -> None:
        """Have nothing to forget."""


class _TlsConnections(couchdb_http.ConnectionPool):  # type: ignore[misc]  # it has no types
    """Connections that check the store's certificate against the operator's own authority."""

    def __init__(self, timeout_s: float, context: ssl.SSLContext) -> None:
        super().__init__(timeout_s)
        self._context = context

    def get(self, url: str) -> Any:
        """Return a connection that is free, or a new one."""
        scheme, host = couchdb_http.util.urlsplit(url, "http", False)[:2]
        with self.lock:
            free = self.conns.setdefault((scheme, host), [])
            if free:
                return free.pop()
        connection = http.client.HTTPSConnection(host, timeout=self.timeout, context=self._context)
        connection.connect()
        return connection


def _session(settings: StoreSettings) -> Any:
    timeout_s = settings.timeout_ms / 1000
    session = couchdb_http.Session(timeout=timeout_s)
    session.cache = _NoCache()
    if settings.protocol == "https" and settings.ca_certificates:
        try:
            context = ssl.create_default_context(cafile=settings.ca_certificates)
        except (OSError, ssl.SSLError) as failure:
            raise ConfigurationError(
                f"store.ca_certificates: {settings.ca_certificates} holds no certificates: "
                f"{failure}"
            ) from None
        session.connection_pool = _TlsConnections(timeout_s, context)
    return session


def _if_match(revision: str | None) -> dict[str, str]:
    return {} if revision is None else {"If-Match": f'"{revision}"'}


def _decode(body: bytes) -> Any:
    try:
        return jsontext.decode(body)
    except ValueError as fault:
        raise StoreFault(f"the store's answer is not JSON: {fault}") from None
