"""A few calls of CouchDB's HTTP API, on the standard library alone."""

from __future__ import annotations

import base64
import json
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

from devstack.errors import DevstackError
from devstack.store.settings import StoreAddress

Json = dict[str, Any]


class Couch:
    """One CouchDB-compatible server."""

    def __init__(self, address: StoreAddress, timeout_s: float = 30.0) -> None:
        self.address = address
        self._timeout_s = timeout_s
        pair = f"{address.user}:{address.password}".encode()
        # No proxies: an environment's proxy seldom reaches this machine's own loopback.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self._authorization = "Basic " + base64.b64encode(pair).decode()

    def welcome(self) -> Json:
        """What the server says of itself. Raises OSError while it does not answer."""
        return self._call("GET", "/")[1]

    def ensure_database(self, name: str) -> bool:
        """Create the database ``name``; False when it was there."""
        status, answer = self._call("PUT", f"/{quote(name, safe='')}", accept=(412,))
        # pouchdb-server answers 412 too, but older releases said 400 with the same error word.
        return not (status == 412 or answer.get("error") == "file_exists")

    def get(self, database: str, identifier: str) -> Json | None:
        """The document, or None when there is none."""
        status, answer = self._call("GET", _path(database, identifier), accept=(404,))
        return None if status == 404 else answer

    def ensure_document(self, database: str, document: Json) -> bool:
        """Store ``document`` when what is stored differs from it; False when it was the same."""
        stored = self.get(database, document["_id"])
        revision = stored.pop("_rev") if stored else None
        if stored == document:
            return False
        body = {**document, "_rev": revision} if revision else document
        self._call("PUT", _path(database, document["_id"]), body)
        return True

    def view(self, database: str, design: str, view: str, **options: Any) -> Json:
        """Query a view; ``options`` are its parameters, as Python values."""
        query = "&".join(f"{key}={quote(json.dumps(value))}" for key, value in options.items())
        path = f"/{quote(database, safe='')}/_design/{design}/_view/{view}?{query}"
        return self._call("GET", path)[1]

    def _call(
        self, method: str, path: str, body: Json | None = None, accept: tuple[int, ...] = ()
    ) -> tuple[int, Json]:
        request = urllib.request.Request(
            self.address.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": self._authorization, "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            text = error.read().decode(errors="replace").strip()
            if error.code in accept:
                return error.code, {}
            raise DevstackError(
                f"the store at {self.address.url} refused {method} {path}: {error.code} {text}"
            ) from error


def _path(database: str, identifier: str) -> str:
    # A design document's id keeps its slash; in any other id it is part of the name.
    safe = "/" if identifier.startswith("_design/") else ""
    return f"/{quote(database, safe='')}/{quote(identifier, safe=safe)}"
