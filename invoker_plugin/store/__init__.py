"""The CouchDB store: actions in, records out, and which namespaces are blocked."""
