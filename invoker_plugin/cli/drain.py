"""``swift-invoker drain``: have a running invoker finish and end, and wait until it did."""

from __future__ import annotations

import argparse
import base64
import json
import os
import ssl
import time
import urllib.error
import urllib.request
from typing import Any

from invoker_plugin.bus import tls
from invoker_plugin.config import arguments as settings_arguments
from invoker_plugin.config.invoker import ServerSettings
from invoker_plugin.config.loading import load
from invoker_plugin.config.settings import Settings
from invoker_plugin.errors import ConfigurationError, SystemFault

EXIT_OK = 0
EXIT_DRAIN_LIMIT = 3
"""Activations were still running when the drain's limit was reached (as of ``run``)."""
REQUEST_S = 10.0
PERIOD_S = 0.5


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand."""
    parser = subparsers.add_parser(
        "drain", help="end a running invoker when all it runs has ended", description=__doc__
    )
    settings_arguments.add_arguments(parser)
    parser.add_argument(
        "--limit-s",
        type=float,
        metavar="SECONDS",
        help="most time for what runs (default: invoker.drain_limit_ms of the running invoker)",
    )
    parser.add_argument("--no-wait", action="store_true", help="return as soon as it drains")
    parser.set_defaults(handler=run)


def run(arguments: argparse.Namespace) -> int:
    """Ask for the drain and print each change of its state; 3 when activations were given up."""
    settings = load(os.environ, arguments.config, settings_arguments.overrides(arguments))
    server = _Server(settings)
    limit = "" if arguments.limit_s is None else f"?limit_s={arguments.limit_s}"
    print(server.ask("POST", f"/drain{limit}").decode(), flush=True)
    return EXIT_OK if arguments.no_wait else _wait(server)


def _wait(server: _Server) -> int:
    """Until its server is gone, which is the last part to go."""
    told, given_up = "", 0
    while True:
        try:
            state = json.loads(server.ask("GET", "/state"))
        except SystemFault:
            return EXIT_DRAIN_LIMIT if given_up else EXIT_OK
        line, given_up = _line(state), int(state["drain"]["given_up"])
        if line != told:
            print(line, flush=True)
        told = line
        time.sleep(PERIOD_S)


def _line(state: dict[str, Any]) -> str:
    counts = (
        f"{state['in_flight'] + state['admitting']} in flight",
        f"{len(state['containers'])} containers",
        f"{state['records']['queued']} records to store",
    )
    return f"{state['drain']['step']}: {', '.join(counts)}"


class _Server:
    """The running invoker's own server, by the settings that it was started with."""

    def __init__(self, settings: Settings) -> None:
        server = settings.server
        if server.password is None:
            raise ConfigurationError("server.password: is not set; the invoker asks for it")
        if server.port == 0:
            raise ConfigurationError("server.port: is 0; give the port that the invoker listens on")
        host = f"[{server.host}]" if ":" in server.host else server.host
        self._url = f"{server.protocol}://{host}:{server.port}"
        login = f"{server.username}:{server.password}".encode()
        self._headers = {"Authorization": f"Basic {base64.b64encode(login).decode()}"}
        self._tls = _client_context(server) if server.protocol == "https" else None

    def ask(self, method: str, path: str) -> bytes:
        """The answer's body. Raises ``SystemFault``."""
        request = urllib.request.Request(self._url + path, method=method, headers=self._headers)
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_S, context=self._tls) as answer:
                body: bytes = answer.read()
                return body
        except urllib.error.HTTPError as refusal:
            text = refusal.read().decode(errors="replace")
            raise SystemFault(f"{self._url}{path}: {refusal.code}: {text}") from None
        except OSError as fault:
            reason = getattr(fault, "reason", fault)
            raise SystemFault(f"no invoker answers at {self._url}: {reason}") from None


def _client_context(server: ServerSettings) -> ssl.SSLContext:
    """Trust the certificate that the settings name, and show it where clients must show one."""
    password = server.keystore_password
    identity = server.keystore if server.client_auth else None
    return tls.load(server.keystore, password, identity, password).context(check_hostname=False)
