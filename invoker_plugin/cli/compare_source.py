"""Where ``swift-invoker compare`` reads activation records: OpenWhisk's API, or the store."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote, unquote, urlencode, urlsplit

from invoker_plugin.errors import InvokerError

Json = Any
Record = Mapping[str, Json]
_TIMEOUT_SECONDS = 30.0
_PAGE = 200
_NEWEST = "\ufff0"


class SourceFault(InvokerError):
    """Records cannot be read; the text is one line: what was wrong and what to do."""


@dataclass(frozen=True)
class Query:
    """Which records: of one action or all, begun within a span (ms since 1970), newest first."""

    action: str | None = None
    since_ms: int | None = None
    upto_ms: int | None = None


class Source(Protocol):
    """A place that has records."""

    def page(self, query: Query, skip: int, limit: int) -> list[Record]:
        """At most ``limit`` records after ``skip``, newest first."""

    def one(self, activation_id: str) -> Record | None:
        """One record, None when there is none (yet)."""


def newest(source: Source, query: Query, count: int | None) -> list[Record]:
    """The newest ``count`` records (all, if None) that match, newest first."""
    found: list[Record] = []
    while count is None or len(found) < count:
        wanted = _PAGE if count is None else min(_PAGE, count - len(found))
        page = source.page(query, len(found), wanted)
        found.extend(page)
        if len(page) < wanted:
            break
    return found


class Api:
    """OpenWhisk's REST API, asked with a user's key."""

    def __init__(self, host: str, key: str, namespace: str = "_", insecure: bool = False) -> None:
        base = host if "://" in host else f"https://{host}"
        self._base = f"{base.rstrip('/')}/api/v1/namespaces/{quote(namespace, safe='')}"
        self._client = _Client(key, insecure)

    def page(self, query: Query, skip: int, limit: int) -> list[Record]:
        """See :class:`Source`."""
        wanted: dict[str, Json] = {"docs": "true", "skip": skip, "limit": limit}
        if query.action is not None:
            wanted["name"] = query.action
        if query.since_ms is not None:
            wanted["since"] = query.since_ms
        if query.upto_ms is not None:
            wanted["upto"] = query.upto_ms
        answer = self._client.get(f"{self._base}/activations?{urlencode(wanted)}")
        if not isinstance(answer, list):
            raise SourceFault(f"{self._base}: no such namespace or API here")
        return answer

    def one(self, activation_id: str) -> Record | None:
        """See :class:`Source`."""
        answer: Record | None = self._client.get(
            f"{self._base}/activations/{quote(activation_id, safe='')}"
        )
        return answer


class CouchStore:
    """The activations database of a CouchDB-compatible store, ``http://user:password@host:port``."""

    def __init__(self, url: str, database: str, namespace: str, insecure: bool = False) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise SourceFault("--store: must be like http://user:password@host:5984")
        port = f":{parts.port}" if parts.port else ""
        self._base = f"{parts.scheme}://{parts.hostname}{port}/{quote(database, safe='')}"
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        self._client = _Client(f"{user}:{password}" if user else None, insecure)
        self._namespace = namespace

    def page(self, query: Query, skip: int, limit: int) -> list[Record]:
        """See :class:`Source`."""
        view, path = "whisks.v2.1.0", self._namespace
        if query.action is not None:
            view, path = "whisks-filters.v2.1.1", f"{self._namespace}/{query.action}"
        newest_ms = _NEWEST if query.upto_ms is None else query.upto_ms
        wanted = {
            "descending": True,
            "reduce": False,
            "include_docs": True,
            "startkey": [path, newest_ms],
            "endkey": [path, query.since_ms or 0],
            "skip": skip,
            "limit": limit,
        }
        encoded = urlencode({key: json.dumps(value) for key, value in wanted.items()})
        url = f"{self._base}/_design/{view}/_view/activations?{encoded}"
        answer = self._client.get(url)
        if answer is None:
            raise SourceFault(f"{self._base}: no such database, or no OpenWhisk views in it")
        return [row["doc"] for row in answer["rows"]]

    def one(self, activation_id: str) -> Record | None:
        """See :class:`Source`."""
        identifier = quote(f"{self._namespace}/{activation_id}", safe="")
        answer: Record | None = self._client.get(f"{self._base}/{identifier}")
        return answer


class _Client:
    """GET with a key; 404 is None, any other trouble a :class:`SourceFault`."""

    def __init__(self, credentials: str | None, insecure: bool) -> None:
        self._headers = {"Accept": "application/json"}
        if credentials is not None:
            encoded = base64.b64encode(credentials.encode("utf-8")).decode("ascii")
            self._headers["Authorization"] = f"Basic {encoded}"
        context = ssl.create_default_context()
        if insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        # No proxies: the host is the user's own, and an environment's proxy seldom reaches it.
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )

    def get(self, url: str) -> Json:
        """The JSON at ``url``, None when there is nothing."""
        place = urlsplit(url)
        where = f"{place.scheme}://{place.netloc}{place.path}"
        request = urllib.request.Request(url, headers=self._headers)
        try:
            with self._opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                if error.code == 404:
                    return None
                hint = "; check the key" if error.code in (401, 403) else ""
                raise SourceFault(f"{where}: HTTP {error.code}{hint}") from error
        except (urllib.error.URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise SourceFault(f"{where}: cannot be reached: {reason}") from error
        except ValueError as error:
            raise SourceFault(f"{where}: did not answer JSON: {error}") from error


def read_wskprops(path: Path) -> dict[str, str]:
    """The properties of wsk's file, keys in capitals; raises :class:`SourceFault`."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceFault(
            f"{path}: cannot be read ({error.strerror}); give --apihost and --auth, or --wskprops"
        ) from error
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith("#"))
    return {key.strip().upper(): value.strip() for key, equals, value in pairs if equals}
