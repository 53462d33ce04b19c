"""Who this invoker is, its own server, and the keys of locked parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from invoker_plugin.config import values
from invoker_plugin.config.setting import setting

_ADMIN = "CONFIG_whisk_invoker_"


@dataclass(frozen=True)
class InvokerSettings:
    """Who this invoker is."""

    id: int | None = setting(
        None, values.INTEGER, None, "number of this invoker and of its topic (`--id`)"
    )
    unique_name: str | None = setting(
        None, values.TEXT, None, "name that stays with the machine (`--unique-name`)"
    )
    displayed_name: str | None = setting(
        None, values.TEXT, None, "name that controllers show (`--displayed-name`)"
    )
    tags: tuple[str, ...] = setting(
        "CONFIG_whisk_invoker_resource_tags", values.NAMES, (), "resources that pings announce"
    )
    dedicated_namespaces: tuple[str, ...] = setting(
        "CONFIG_whisk_invoker_dedicated_namespaces",
        values.NAMES,
        (),
        "the only namespaces that may use this invoker, as pings announce",
    )
    cluster: str = setting(
        "CONFIG_whisk_cluster_name", values.TEXT, "whisk", "name of the OpenWhisk deployment"
    )
    api_host_protocol: str = setting(
        "WHISK_API_HOST_PROTO", values.choice("https", "http"), "https", "for `__OW_API_HOST`"
    )
    api_host_name: str = setting(
        "WHISK_API_HOST_NAME", values.TEXT, "localhost", "API host as actions reach it"
    )
    api_host_port: int = setting("WHISK_API_HOST_PORT", values.PORT, 443, "for `__OW_API_HOST`")
    user_events: bool = setting(
        "CONFIG_whisk_userEvents_enabled",
        values.FLAG,
        False,
        "send an event to topic `events` for each activation",
    )
    log_level: str = setting(
        "CONFIG_logback_log_level",
        values.choice("DEBUG", "INFO", "WARNING", "WARN", "ERROR"),
        "INFO",
        "least level of log lines",
    )
    drain_limit_ms: int = setting(
        None, values.DURATION_MS, 60_000, "most time that running activations get at shutdown"
    )
    disabled_file: str | None = setting(
        None,
        values.PATH,
        None,
        "file that keeps the invoker disabled over a restart; unset: it is enabled again",
    )

    @property
    def api_host(self) -> str:
        """``__OW_API_HOST`` of every container."""
        return f"{self.api_host_protocol}://{self.api_host_name}:{self.api_host_port}"


@dataclass(frozen=True)
class ServerSettings:
    """The admin endpoints and metrics."""

    host: str = setting(None, values.TEXT, "127.0.0.1", "address to listen on")
    port: int = setting("PORT", values.PORT, 8080, "port to listen on; 0: any free one")
    protocol: str = setting(
        f"{_ADMIN}protocol", values.choice("http", "https"), "http", "of the endpoints"
    )
    keystore: str | None = setting(
        f"{_ADMIN}https_keystorePath", values.PATH, None, "PEM or PKCS#12 file, for https"
    )
    keystore_password: str | None = setting(
        f"{_ADMIN}https_keystorePassword", values.SECRET, None, "of the keystore"
    )
    client_auth: bool = setting(
        f"{_ADMIN}https_clientAuth", values.FLAG, False, "ask clients for a certificate"
    )
    metrics: str = setting(
        None,
        values.choice("open", "login", "off"),
        "open",
        "who may read `/metrics`: anyone who reaches the port, only who logs in, nobody",
    )
    username: str = setting(f"{_ADMIN}username", values.TEXT, "invoker.user", "of an operator")
    password: str | None = setting(
        f"{_ADMIN}password", values.SECRET, None, "of an operator; unset: admin calls are refused"
    )


@dataclass(frozen=True)
class EncryptionSettings:
    """Keys of locked parameters. Any may stay configured; only controllers choose which to use."""

    aes_128: bytes | None = setting(
        "CONFIG_whisk_parameterStorage_aes128", values.KEY, None, "16 bytes, in base64"
    )
    aes_256: bytes | None = setting(
        "CONFIG_whisk_parameterStorage_aes256", values.KEY, None, "32 bytes, in base64"
    )

    @property
    def keys(self) -> Mapping[str, bytes]:
        """Keys by scheme, as messages name it."""
        named = {"aes-128": self.aes_128, "aes-256": self.aes_256}
        return {scheme: key for scheme, key in named.items() if key is not None}
