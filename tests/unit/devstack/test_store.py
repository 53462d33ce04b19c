"""The store's settings and design documents, without a store."""

from __future__ import annotations

import pytest

from devstack.errors import DevstackError
from devstack.store import design
from devstack.store.settings import Databases, StoreAddress, existing_store


def test_no_existing_store_is_named() -> None:
    assert existing_store({}) is None


def test_an_existing_store_is_named_by_url() -> None:
    found = existing_store({"DEVSTACK_COUCHDB_URL": "http://admin:p%40ss@couch:1234"})
    assert found == StoreAddress("http", "couch", 1234, "admin", "p@ss")
    assert found.url == "http://couch:1234"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("couch:1234", "is not an address like"),
        ("ftp://a:b@couch", "its scheme is ftp"),
        ("http://couch:1234", "has no user and password"),
    ],
)
def test_a_bad_url_is_refused_without_showing_it(url: str, said: str) -> None:
    with pytest.raises(DevstackError, match=said) as refused:
        existing_store({"DEVSTACK_COUCHDB_URL": url})
    assert "a:b" not in str(refused.value)


def test_databases_can_be_named() -> None:
    assert Databases.find({}) == Databases("local_subjects", "local_whisks", "local_activations")
    assert Databases.find({"DEVSTACK_DATABASES_WHISKS": "w"}).whisks == "w"


def test_design_documents_have_the_names_clients_rely_on() -> None:
    views = {
        (kind, document["_id"]): set(document.get("views", {}))
        for kind in ("subjects", "whisks", "activations")
        for document in design.documents(kind)
    }
    assert views["subjects", "_design/subjects.v2.0.0"] == {"identities"}
    assert views["subjects", "_design/namespaceThrottlings"] == {"blockedNamespaces"}
    assert views["whisks", "_design/whisks.v2.1.0"] == {
        "actions",
        "packages",
        "packages-public",
        "rules",
        "triggers",
    }
    assert views["activations", "_design/whisks.v2.1.0"] == {"activations"}
    assert views["activations", "_design/whisks-filters.v2.1.1"] == {"activations"}
    assert views["activations", "_design/activations"] == {"byDate"}
    assert views["activations", "_design/logCleanup"] == {"byDateWithLogs"}


def test_a_view_has_its_map_and_its_reduce() -> None:
    (document,) = (d for d in design.documents("whisks") if "views" in d)
    assert document["views"]["actions"]["reduce"] == "_count"
    assert "emit(" in document["views"]["actions"]["map"]
