"""The CouchDB-compatible store over HTTP: documents, attachments, views."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from devstack.controller.code import Attachment
from devstack.controller.configuration import Store as Settings
from devstack.controller.faults import Conflict, Unavailable

Json = Any
Document = dict[str, Json]
_TIMEOUT_SECONDS = 30.0
_KEPT_SECONDS = 3.0


class Store:
    """Three databases. Failures other than "not there" and "changed" are :class:`Unavailable`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._session: aiohttp.ClientSession | None = None

    @property
    def whisks(self) -> str:
        """The database of actions and packages."""
        return self._settings.whisks

    @property
    def activations(self) -> str:
        """The database of activation records."""
        return self._settings.activations

    async def open(self) -> None:
        """Make the session, and see that the databases are there; raises :class:`Unavailable`."""
        settings = self._settings
        # By header, so that no URL in a log or an error carries the credentials.
        login = f"{settings.username}:{settings.password}".encode()
        headers = {"Authorization": f"Basic {base64.b64encode(login).decode('ascii')}"}
        self._session = aiohttp.ClientSession(
            headers=headers if settings.username else None,
            # pouchdb-server closes idle connections after 5 s; do not meet it in the act.
            connector=aiohttp.TCPConnector(keepalive_timeout=_KEPT_SECONDS),
            timeout=aiohttp.ClientTimeout(total=_TIMEOUT_SECONDS),
        )
        for database in (settings.subjects, settings.whisks, settings.activations):
            async with self._request("GET", database) as response:
                if response.status == 404:
                    raise Unavailable(f"the store has no database {database}: create it first")

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()

    async def get(self, database: str, identifier: str) -> Document | None:
        """A document, None when there is none."""
        async with self._request("GET", database, identifier) as response:
            return None if response.status == 404 else await _object(response)

    async def put(self, database: str, document: Document) -> Document:
        """Store ``document`` under its ``_id`` and ``_rev``; answers it with the new revision."""
        headers = {"Content-Type": "application/json"}
        if "_rev" in document:
            headers["If-Match"] = f'"{document["_rev"]}"'
        body = json.dumps(document, ensure_ascii=False).encode("utf-8")
        async with self._request(
            "PUT", database, document["_id"], data=body, headers=headers
        ) as response:
            return {**document, "_rev": (await _object(response))["rev"]}

    async def put_attachment(
        self, database: str, document: Document, attachment: Attachment
    ) -> Document:
        """Attach to a stored document; answers the document with the revision that this makes."""
        async with self._request(
            "PUT",
            database,
            document["_id"],
            attachment.name,
            data=attachment.content,
            # The revision twice: pouchdb-server reads only the parameter, CouchDB either.
            params={"rev": document["_rev"]},
            headers={
                "If-Match": f'"{document["_rev"]}"',
                "Content-Type": attachment.content_type,
            },
        ) as response:
            return {**document, "_rev": (await _object(response))["rev"]}

    async def attachment(self, database: str, identifier: str, name: str) -> bytes | None:
        """An attachment's content, None when there is none."""
        async with self._request("GET", database, identifier, name) as response:
            return None if response.status == 404 else await response.read()

    async def delete(self, database: str, document: Document) -> None:
        """Delete the document at its revision."""
        async with self._request(
            "DELETE",
            database,
            document["_id"],
            params={"rev": document["_rev"]},
            headers={"If-Match": f'"{document["_rev"]}"'},
        ) as response:
            await response.read()

    async def store_activation(self, record: Document) -> None:
        """Write a record of the controller's own (a sequence's), in bulk form as OpenWhisk does."""
        async with self._request(
            "POST", self.activations, "_bulk_docs", json={"docs": [record]}
        ) as response:
            (answer,) = await response.json(content_type=None)
            if "error" in answer:
                raise Unavailable(f"the store refused {record['_id']}: {answer['error']}")

    async def view(
        self, database: str, view: str, parameters: Mapping[str, Json]
    ) -> list[Document]:
        """The rows of a view, named ``design/view``."""
        design, _, name = view.partition("/")
        path = f"_design/{design}/_view/{name}"
        encoded = {key: json.dumps(value) for key, value in parameters.items()}
        async with self._request("GET", database, path, safe="/", params=encoded) as response:
            if response.status == 404:
                raise Unavailable(f"the store's database {database} has no view {view}")
            rows: list[Document] = (await _object(response))["rows"]
            return rows

    async def identity_rows(self, namespace_uuid: str, key: str) -> list[Document]:
        """Rows of the view ``identities`` for this key, with the limits documents."""
        both = [namespace_uuid, key]
        parameters = {
            "include_docs": True,
            "descending": True,
            "reduce": False,
            "startkey": both,
            "endkey": both,
            "limit": 2,
        }
        return await self.view(self._settings.subjects, "subjects.v2.0.0/identities", parameters)

    @asynccontextmanager
    async def _request(
        self, method: str, database: str, *path: str, safe: str = "", **options: Any
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        if self._session is None:
            raise Unavailable("the store's session is not open")
        parts = "/".join(quote(part, safe=safe) for part in (database, *path))
        url = f"{self._settings.url.rstrip('/')}/{parts}"
        try:
            # Encoded: yarl would make a slash of the %2F in document ids.
            target = URL(url, encoded=True)
            async with self._session.request(method, target, **options) as response:
                if response.status in (409, 412):
                    raise Conflict
                if response.status >= 400 and response.status != 404:
                    text = (await response.text())[:200]
                    raise Unavailable(f"the store answered {response.status} to {method}: {text}")
                if response.status == 404 and method != "GET":
                    raise Conflict  # deleted between our reading and our writing
                yield response
        except (aiohttp.ClientError, asyncio.TimeoutError) as error:
            reason = str(error) or type(error).__name__
            raise Unavailable(f"the store cannot be reached: {reason}") from error


async def _object(response: aiohttp.ClientResponse) -> Document:
    # pouchdb-server labels some JSON text/plain.
    answer = await response.json(content_type=None)
    if not isinstance(answer, dict):
        raise Unavailable("the store answered something that is not a JSON object")
    return answer
