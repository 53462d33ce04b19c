"""Kafka: one interface, two transports held to the same tests, and an in-memory stub.

``confluent`` (librdkafka) is the default, ``kafka_python`` is for those who cannot have it.
"""
