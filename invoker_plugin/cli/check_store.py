"""Checks of the store: it answers, lets us in, and has OpenWhisk's databases and view."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

from invoker_plugin.cli.check_report import Finding
from invoker_plugin.config.settings import Settings
from invoker_plugin.config.store import StoreSettings

_TIMEOUT_S = 8.0
_BLOCKED_VIEW = "_design/namespaceThrottlings"


def check(settings: Settings) -> list[Finding]:
    """All of them; blocks for some seconds at most."""
    store = settings.store
    try:
        status, answer = _get(store, "")
    except (OSError, ValueError) as error:
        # urllib's URLError is an OSError.
        seen = f"{store.url}: {getattr(error, 'reason', error)}"
        remedy = "start CouchDB, or set CONFIG_whisk_couchdb_{protocol,host,port}"
        return [Finding("store", "fail", seen, remedy)]
    if status != 200:
        return [_refused("store", store.url, status)]
    version = answer.get("version", "of unknown version") if isinstance(answer, dict) else "?"
    findings = [Finding("store", "ok", f"{store.url}: CouchDB {version}")]
    findings += [_database(store, name) for name in _databases(store)]
    findings.append(_view(store))
    return findings


def _databases(store: StoreSettings) -> tuple[str, ...]:
    return store.subjects, store.actions, store.activations


def _database(store: StoreSettings, name: str) -> Finding:
    check_name = f"store {name}"
    status, answer = _get(store, urllib.parse.quote(name, safe=""))
    if status == 200:
        count = answer.get("doc_count", "?") if isinstance(answer, dict) else "?"
        return Finding(check_name, "ok", f"{count} documents")
    if status == 404:
        return Finding(
            check_name,
            "fail",
            "there is no such database",
            "create it as OpenWhisk's deployment does (initdb, wipe), or correct"
            " CONFIG_whisk_couchdb_databases_*",
        )
    return _refused(check_name, name, status)


def _view(store: StoreSettings) -> Finding:
    path = f"{urllib.parse.quote(store.subjects, safe='')}/{_BLOCKED_VIEW}"
    status, answer = _get(store, path)
    views = answer.get("views", {}) if isinstance(answer, dict) else {}
    if status == 200 and "blockedNamespaces" in views:
        return Finding("store-view", "ok", "blockedNamespaces")
    return Finding(
        "store-view",
        "fail",
        f"{store.subjects} has no view blockedNamespaces",
        "load OpenWhisk's design document namespaceThrottlings"
        " (ansible/files/namespace_throttlings_design_document_for_subjects_db.json)",
    )


def _refused(check_name: str, what: str, status: int) -> Finding:
    remedy = "look at the store's own log"
    if status in (401, 403):
        remedy = "set CONFIG_whisk_couchdb_username and CONFIG_whisk_couchdb_password"
    return Finding(check_name, "fail", f"{what}: the store answers {status}", remedy)


def _get(store: StoreSettings, path: str) -> tuple[int, Any]:
    """Status and JSON of one request. Raises OSError where there is no answer."""
    request = urllib.request.Request(f"{store.url}/{path}")
    if store.username:
        login = base64.b64encode(f"{store.username}:{store.password}".encode()).decode()
        request.add_header("Authorization", f"Basic {login}")
    # No proxy between us and our own store.
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
    if store.protocol == "https":
        context = ssl.create_default_context(cafile=store.ca_certificates)
        handlers.append(urllib.request.HTTPSHandler(context=context))
    opener = urllib.request.build_opener(*handlers)
    try:
        with opener.open(request, timeout=_TIMEOUT_S) as response:
            return response.status, json.loads(response.read())
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, None
