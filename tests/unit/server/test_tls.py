"""The admin endpoints over TLS."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from invoker_plugin.config.invoker import ServerSettings
from invoker_plugin.health.pinger import Pinger
from invoker_plugin.invoker.drain import Drain
from invoker_plugin.server import tls
from invoker_plugin.server.admin import AdminServer
from tests import certificates
from tests.unit.server.test_admin import INSTANCE, Sent


async def _ping(settings: ServerSettings, client: ssl.SSLContext) -> str:
    server = AdminServer(
        Pinger(Sent(), "health", INSTANCE, []), Drain(60), "u", "p", dict[str, Any]
    )
    await server.start("127.0.0.1", 0, tls.context(settings))
    url = f"https://127.0.0.1:{server.port}/ping"
    try:
        async with aiohttp.ClientSession() as session, session.get(url, ssl=client) as got:
            return await got.text()
    finally:
        await server.stop()


@pytest.mark.parametrize("form", ["pem", "pkcs12"])
def test_https_shows_the_certificate_of_the_keystore(form: str, tmp_path: Path) -> None:
    authority = certificates.make("authority")
    pair = certificates.make("127.0.0.1", authority)
    if form == "pem":
        file, password = pair.write_pem(tmp_path / "server.pem"), None
    else:
        file = pair.write_pkcs12(tmp_path / "server.p12", [authority.certificate])
        password = certificates.PASSWORD
    settings = ServerSettings(protocol="https", keystore=str(file), keystore_password=password)
    client = ssl.create_default_context(cadata=authority.certificate_pem().decode())
    assert asyncio.run(_ping(settings, client)) == "pong"
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        asyncio.run(_ping(settings, ssl.create_default_context()))


def test_client_without_a_certificate_is_turned_away_where_one_is_asked_for(tmp_path: Path) -> None:
    authority = certificates.make("authority")
    pair = certificates.make("127.0.0.1", authority)
    keystore = pair.write_pkcs12(tmp_path / "server.p12", [authority.certificate])
    settings = ServerSettings(
        protocol="https",
        keystore=str(keystore),
        keystore_password=certificates.PASSWORD,
        client_auth=True,
    )
    client = ssl.create_default_context(cadata=authority.certificate_pem().decode())
    with pytest.raises(aiohttp.ClientError):
        asyncio.run(_ping(settings, client))
    own = certificates.make("operator", authority).write_pem(tmp_path / "client.pem")
    client.load_cert_chain(own)
    assert asyncio.run(_ping(settings, client)) == "pong"


def test_http_needs_no_context() -> None:
    assert tls.context(ServerSettings()) is None
