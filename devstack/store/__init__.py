"""The store: an existing CouchDB, else pouchdb-server on disk; and what OpenWhisk keeps in it."""

from devstack.store.couch import Couch
from devstack.store.store import Store

__all__ = ["Couch", "Store"]
