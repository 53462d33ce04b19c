"""CouchDB, the batching of records, and the cache of actions."""

from __future__ import annotations

from dataclasses import dataclass

from invoker_plugin.config import values
from invoker_plugin.config.setting import setting

_COUCH = "CONFIG_whisk_couchdb_"


@dataclass(frozen=True)
class StoreSettings:
    """CouchDB, the batching of records, and the cache of actions."""

    provider: str = setting(
        f"{_COUCH}provider", values.choice("CouchDB", "Cloudant"), "CouchDB", "kind of store"
    )
    protocol: str = setting(
        f"{_COUCH}protocol", values.choice("http", "https"), "http", "of CouchDB"
    )
    host: str = setting(f"{_COUCH}host", values.TEXT, "", "of CouchDB", required=True)
    port: int = setting(f"{_COUCH}port", values.PORT, 5984, "of CouchDB")
    username: str = setting(f"{_COUCH}username", values.TEXT, "", "of CouchDB; empty: no login")
    password: str = setting(f"{_COUCH}password", values.SECRET, "", "of CouchDB")
    subjects: str = setting(
        f"{_COUCH}databases_WhiskAuth", values.TEXT, "", "database of subjects", required=True
    )
    actions: str = setting(
        f"{_COUCH}databases_WhiskEntity", values.TEXT, "", "database of actions", required=True
    )
    activations: str = setting(
        f"{_COUCH}databases_WhiskActivation", values.TEXT, "", "database of records", required=True
    )
    ca_certificates: str | None = setting(
        None, values.PATH, None, "PEM file that the store's certificate is checked against"
    )
    timeout_ms: int = setting(None, values.DURATION_MS, 30_000, "most time of one request")
    connections: int = setting(None, values.INTEGER, 8, "requests at one time")
    cached_actions: int = setting(None, values.INTEGER, 1_000, "actions kept in memory")
    cached_bytes: int = setting(
        None, values.SIZE_BYTES, 64 * 1024 * 1024, "most code of cached actions"
    )
    batch_records: int = setting(None, values.INTEGER, 500, "most records in one write")
    batch_bytes: int = setting(None, values.SIZE_BYTES, 4 * 1024 * 1024, "most bytes in one write")
    linger_ms: int = setting(
        None, values.DURATION_MS, 5, "time that a record waits for others to be written with it"
    )
    queued_records: int = setting(
        None, values.INTEGER, 20_000, "records that may wait for the store in memory"
    )
    queued_bytes: int = setting(
        None, values.SIZE_BYTES, 64 * 1024 * 1024, "bytes that may wait for the store in memory"
    )
    spool_directory: str = setting(
        None,
        values.PATH,
        "/var/lib/swift-invoker",
        "where records are kept until the store has them, so that no crash loses one; empty: in "
        "memory only",
    )
    spool_bytes: int = setting(
        None, values.SIZE_BYTES, 1024 * 1024 * 1024, "most bytes of records that wait there"
    )
    spool_records: int = setting(None, values.INTEGER, 1_000_000, "most records that wait there")
    spool_sync: bool = setting(
        None,
        values.FLAG,
        False,
        "have the disk itself hold a record before its activation is acknowledged: a crash of the "
        "whole host loses none either, at the price of a disk flush",
    )
    flush_limit_ms: int = setting(
        None, values.DURATION_MS, 10_000, "most time for the last records at shutdown"
    )
    blocked_poll_ms: int = setting(
        "CONFIG_whisk_blacklist_pollInterval",
        values.DURATION_MS,
        300_000,
        "time between two reads of the blocked namespaces",
    )
    blocking_level: str = setting(
        "CONFIG_whisk_activation_storeBlockingResultLevel",
        values.choice("STORE_ALWAYS", "STORE_FAILURES", "STORE_FAILURES_NOT_APPLICATION_ERRORS"),
        "STORE_ALWAYS",
        "which records of blocking activations are stored",
    )
    non_blocking_level: str = setting(
        "CONFIG_whisk_activation_storeNonBlockingResultLevel",
        values.choice("STORE_ALWAYS", "STORE_FAILURES", "STORE_FAILURES_NOT_APPLICATION_ERRORS"),
        "STORE_ALWAYS",
        "which records of non-blocking activations are stored",
    )

    @property
    def url(self) -> str:
        """The server's address, without the password."""
        return f"{self.protocol}://{self.host}:{self.port}"
