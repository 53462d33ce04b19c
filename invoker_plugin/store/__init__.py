"""CouchDB: actions in, activation records out, and the list of blocked namespaces.

The ``couchdb`` package is synchronous; :mod:`invoker_plugin.store.couch` is the one place that
uses it, in threads.
"""
