"""The devstack's store, asked as OpenWhisk's controller and clients ask it."""

from __future__ import annotations

import urllib.error
import urllib.request
import uuid
from typing import Any

import pytest

from devstack.errors import DevstackError
from devstack.stack import Stack
from devstack.store import Couch

pytestmark = pytest.mark.store


@pytest.fixture
def couch(devstack: Stack, store_settings: dict[str, Any]) -> Couch:
    return devstack.store.couch


@pytest.fixture
def activation(couch: Couch, store_settings: dict[str, Any]) -> dict[str, Any]:
    identifier = uuid.uuid4().hex
    namespace = f"test-{identifier}"
    document = {
        "_id": f"{namespace}/{identifier}",
        "entityType": "activation",
        "namespace": namespace,
        "name": "hello",
        "version": "0.0.1",
        "publish": False,
        "activationId": identifier,
        "start": 1000,
        "end": 1250,
        "response": {"statusCode": 2, "result": {"error": "x"}},
        "logs": ["a line"],
        "annotations": [
            {"key": "path", "value": f"{namespace}/pack/hello"},
            {"key": "kind", "value": "python:3"},
        ],
    }
    couch.ensure_document(store_settings["activations"], document)
    return document


def _keys(answer: dict[str, Any]) -> list[Any]:
    return [row["key"] for row in answer["rows"]]


def test_refuses_who_has_no_password(store_settings: dict[str, Any]) -> None:
    for path in ("/", f"/{store_settings['subjects']}/guest", "/_all_dbs"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(store_settings["url"] + path, timeout=10)
        with refused.value as answer:
            assert answer.code == 401


def test_listens_on_loopback_alone(store_settings: dict[str, Any]) -> None:
    assert store_settings["host"] == "127.0.0.1"


def test_knows_the_guest_by_key(couch: Couch, store_settings: dict[str, Any]) -> None:
    pair = store_settings["guest"].split(":")
    answer = couch.view(
        store_settings["subjects"], "subjects.v2.0.0", "identities", key=pair, include_docs=True
    )
    (row,) = answer["rows"]
    assert row["value"]["namespace"] == "guest"
    assert row["doc"]["_id"] == "guest/limits"
    assert len(pair[1]) == 64


def test_knows_a_stranger_not(couch: Couch, store_settings: dict[str, Any]) -> None:
    answer = couch.view(
        store_settings["subjects"], "subjects.v2.0.0", "identities", key=["no", "body"]
    )
    assert answer["rows"] == []


def test_lists_blocked_namespaces(couch: Couch, store_settings: dict[str, Any]) -> None:
    name = f"test-{uuid.uuid4().hex}"
    couch.ensure_document(
        store_settings["subjects"], {"_id": f"{name}/limits", "invocationsPerMinute": 0}
    )
    answer = couch.view(
        store_settings["subjects"], "namespaceThrottlings", "blockedNamespaces", reduce=False
    )
    assert name in _keys(answer)


def test_summarises_activations_by_namespace(
    couch: Couch, store_settings: dict[str, Any], activation: dict[str, Any]
) -> None:
    space = activation["namespace"]
    answer = couch.view(
        store_settings["activations"],
        "whisks.v2.1.0",
        "activations",
        reduce=False,
        startkey=[space, 0],
        endkey=[space, 2000],
    )
    (row,) = answer["rows"]
    assert row["value"]["duration"] == 250
    assert row["value"]["statusCode"] == 2
    assert "response" not in row["value"]
    assert "logs" not in row["value"]


def test_finds_activations_by_packaged_action(
    couch: Couch, store_settings: dict[str, Any], activation: dict[str, Any]
) -> None:
    path = f"{activation['namespace']}/pack/hello"
    answer = couch.view(
        store_settings["activations"],
        "whisks-filters.v2.1.1",
        "activations",
        reduce=False,
        startkey=[path, 0],
        endkey=[path, 2000],
    )
    assert _keys(answer) == [[path, 1000]]


def test_finds_records_with_logs(
    couch: Couch, store_settings: dict[str, Any], activation: dict[str, Any]
) -> None:
    answer = couch.view(store_settings["activations"], "logCleanup", "byDateWithLogs")
    assert activation["_id"] in [row["value"] for row in answer["rows"]]


def test_lists_actions_and_packages_by_namespace(
    couch: Couch, store_settings: dict[str, Any]
) -> None:
    space = f"test-{uuid.uuid4().hex}"
    common = {"version": "0.0.1", "publish": True, "annotations": [], "updated": 5}
    whisks = store_settings["whisks"]
    couch.ensure_document(
        whisks,
        {"_id": f"{space}/pack", "namespace": space, "name": "pack", "binding": {}, **common},
    )
    couch.ensure_document(
        whisks,
        {
            "_id": f"{space}/pack/act",
            "namespace": f"{space}/pack",
            "name": "act",
            "exec": {"kind": "python:3", "code": "x"},
            "limits": {},
            **common,
        },
    )
    bounds = {"startkey": [space, 0], "endkey": [space, 9], "reduce": False}
    actions = couch.view(whisks, "whisks.v2.1.0", "actions", **bounds)
    assert [row["value"]["exec"] for row in actions["rows"]] == [{"binary": False}]
    for view in ("packages", "packages-public"):
        (package,) = couch.view(whisks, "whisks.v2.1.0", view, **bounds)["rows"]
        assert package["value"]["binding"] is False


def test_contents_are_kept_when_they_are_right(devstack: Stack, couch: Couch) -> None:
    assert devstack.store.ensure_contents() == "kept"


def test_says_what_was_refused(couch: Couch) -> None:
    with pytest.raises(DevstackError, match="refused GET /no-such-database"):
        couch.view("no-such-database", "x", "y")
