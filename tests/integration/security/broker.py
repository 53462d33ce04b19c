"""A real Kafka broker beside the devstack's: one that asks who one is."""

from __future__ import annotations

import base64
import secrets
import shutil
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from devstack.kafka import probe
from devstack.kafka.broker import JARS
from devstack.paths import Paths
from tests.certificates import Pair, make

USER = "invoker"
_JVM = ("-Xms64m", "-Xmx192m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
_START_S = 120.0


class OwnBroker:
    """One node below ``folder``: its listeners (``host:port``), its login, its clients' files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = dict(zip(("PLAIN", "TLS", "SASL", "CONTROLLER"), _free_ports(4), strict=True))
        self._process: subprocess.Popen[bytes] | None = None
        self.password = secrets.token_hex(12)
        self.authority = folder / "authority.pem"
        self.client = folder / "client.pem"

    @property
    def plain(self) -> str:
        """Asks for nothing."""
        return self._at("PLAIN")

    @property
    def tls(self) -> str:
        """Asks for a client's certificate."""
        return self._at("TLS")

    @property
    def sasl(self) -> str:
        """Asks for a login, over TLS; knows PLAIN and SCRAM-SHA-512."""
        return self._at("SASL")

    def prepare(self) -> None:
        """Make its certificates, its settings and its empty data."""
        authority = make("authority")
        self.authority.write_bytes(authority.certificate_pem())
        make("client", authority).write_pem(self.client)
        keystore = _keystore(make("broker", authority), self._folder)
        self._settings.write_text(
            _properties(self._folder, self._ports, keystore, self.authority, self.password)
        )
        _format(self._settings, self.password)

    def start(self) -> None:
        """Have it serve."""
        log = self._folder / "broker.log"
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [*_java(), "kafka.Kafka", str(self._settings)], stdout=output, stderr=output
            )
        _await_serving(self._process, self._ports["PLAIN"], log)

    def kill(self) -> None:
        """End it without a word to its clients."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    @property
    def _settings(self) -> Path:
        return self._folder / "server.properties"

    def _at(self, listener: str) -> str:
        return f"127.0.0.1:{self._ports[listener]}"


@contextmanager
def own_broker(folder: Path) -> Iterator[OwnBroker]:
    """One that serves, until the end of the block."""
    broker = OwnBroker(folder)
    broker.prepare()
    broker.start()
    try:
        yield broker
    finally:
        broker.kill()


def _properties(
    folder: Path, ports: dict[str, int], keystore: Path, trusted: Path, password: str
) -> str:
    plain = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{ports['CONTROLLER']}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAIN",
        "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in ports.items()),
        "listener.security.protocol.map": (
            "PLAIN:PLAINTEXT,CONTROLLER:PLAINTEXT,TLS:SSL,SASL:SASL_SSL"
        ),
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 1,
        "num.io.threads": 2,
        "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": trusted,
        "listener.name.tls.ssl.client.auth": "required",
        "listener.name.sasl.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
        "listener.name.sasl.plain.sasl.jaas.config": (f'{plain} user_{USER}="{password}";'),
        "listener.name.sasl.scram-sha-512.sasl.jaas.config": scram,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _keystore(broker: Pair, folder: Path) -> Path:
    """Kafka wants the key first."""
    path = folder / "broker.pem"
    key = broker.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(key + broker.certificate_pem())
    return path


def _format(properties: Path, password: str) -> None:
    cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
    scram = f"SCRAM-SHA-512=[name={USER},password={password}]"
    command = [*_java(), "kafka.tools.StorageTool", "format", f"--cluster-id={cluster}"]
    command += ["--config", str(properties), "--add-scram", scram]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_START_S)
    assert done.returncode == 0, done.stdout + done.stderr


def _java() -> list[str]:
    java = shutil.which("java")
    assert java is not None, "the devstack's Kafka, which was brought up before, has one"
    return [java, *_JVM, "-cp", f"{JARS.directory(Paths.find())}/*"]


def _await_serving(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        assert process.poll() is None, log.read_text()[-3000:]
        assert time.monotonic() < deadline, log.read_text()[-3000:]
        try:
            if probe.serves("127.0.0.1", port):
                return
        except OSError:
            pass
        time.sleep(0.1)


def _free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for one in held:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()
