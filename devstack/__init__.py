"""The embedded default: everything an invoker needs around it, started on one machine.

Kafka, a CouchDB-compatible store, a small controller, an RDMA machine and the invoker in it. For
development, tests and the demo; production has all of this already (see ``ansible/``).
"""
