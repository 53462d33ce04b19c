"""TLS of the invoker's own server."""

from __future__ import annotations

import ssl

from invoker_plugin.bus import tls
from invoker_plugin.config.invoker import ServerSettings
from invoker_plugin.errors import ConfigurationError


def context(settings: ServerSettings) -> ssl.SSLContext | None:
    """The server's context, ``None`` for http. Raises ``ConfigurationError``.

    With ``client_auth`` clients must show a certificate that one in the keystore file signed.
    """
    if settings.protocol != "https":
        return None
    material = tls.load(
        settings.keystore if settings.client_auth else None,
        settings.keystore_password,
        settings.keystore,
        settings.keystore_password,
    )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    material.load_identity(made)
    if settings.client_auth:
        if material.authorities is None:
            raise ConfigurationError("server.keystore: holds no certificate to check clients by")
        made.load_verify_locations(cadata=material.authorities)
        made.verify_mode = ssl.CERT_REQUIRED
    return made
