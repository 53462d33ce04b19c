"""A development controller: enough of OpenWhisk's controller to drive an invoker on one machine.

It speaks the REST API to ``wsk``, the npm client and curl, writes the same CouchDB documents and
sends the same Kafka messages as OpenWhisk's own, places activations by memory and supervises
invokers by their pings. It is NOT for production: no throttling, no triggers, no web actions, no
clustering, and no messages on ``cacheInvalidation`` (nobody else caches here).

On purpose it shares no code with ``invoker_plugin``: two ends that read the wire through the same
code would agree on a mistake.
"""

NOTICE = "swift-invoker development controller: not for production, use OpenWhisk's own there"
