"""A whole invoker that reaches Kafka and the store over TLS and unlocks parameters."""

from __future__ import annotations

import base64
import copy
import json
import os
import ssl
import time
import urllib.request
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
from confluent_kafka import Producer

from invoker_plugin.wire import encryption
from tests.certificates import make
from tests.integration.deployment.conftest import MANIFEST, deployed
from tests.integration.deployment.running import Deployment
from tests.integration.security.broker import USER, OwnBroker
from tests.integration.security.terminator import terminated
from tests.integration.security.test_brokers import JAAS

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

KEYS = {"aes-128": os.urandom(16), "aes-256": os.urandom(32)}
ECHO = "import os\ndef main(args): return {**args, 'env': os.environ.get('secret', '')}"
LARGE = "# " + "x" * 100_000 + "\ndef main(args): return {'large': True}"


@pytest.fixture(scope="module")
def deployment(
    broker: OwnBroker,
    store_settings: dict[str, Any],
    runtimes: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Deployment]:
    """The controller speaks without TLS, for it is not what is tested."""
    folder = tmp_path_factory.mktemp("secured")
    authority = make("authority")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(make("store", authority).write_pem(folder / "store.pem"))
    trusted = folder / "store-authority.pem"
    trusted.write_bytes(authority.certificate_pem())
    common = "CONFIG_whisk_kafka_common_"
    with terminated(context, store_settings["host"], store_settings["port"]) as port:
        environment = {
            "KAFKA_HOSTS": broker.sasl,
            f"{common}securityProtocol": "SASL_SSL",
            f"{common}saslMechanism": "PLAIN",
            f"{common}saslJaasConfig": JAAS.format(USER, broker.password),
            f"{common}sslTruststoreLocation": str(broker.authority),
            "CONFIG_whisk_couchdb_protocol": "https",
            "CONFIG_whisk_couchdb_host": "127.0.0.1",
            "CONFIG_whisk_couchdb_port": str(port),
            "CONFIG_whisk_parameterStorage_aes128": base64.b64encode(KEYS["aes-128"]).decode(),
            "CONFIG_whisk_parameterStorage_aes256": base64.b64encode(KEYS["aes-256"]).decode(),
        }
        toml = f"ca_certificates = {json.dumps(str(trusted))}\n"
        with deployed(
            broker.plain, store_settings, runtimes, folder, "", toml, _manifest(), **environment
        ) as up:
            yield up


def _manifest() -> dict[str, Any]:
    """With code that is kept beside the action's document."""
    manifest = copy.deepcopy(MANIFEST)
    attached = {"attachmentName": "codefile", "attachmentType": "text/plain"}
    manifest["runtimes"]["python"][0]["attached"] = attached
    return manifest


def test_activation_runs_and_its_record_is_stored(deployment: Deployment) -> None:
    deployment.create("echo", ECHO)
    record = deployment.invoke("echo", n=1)
    assert record["response"]["result"] == {"n": 1, "env": ""}


def test_code_in_an_attachment_arrives_over_tls(
    deployment: Deployment, store_settings: dict[str, Any]
) -> None:
    deployment.create("large", LARGE)
    document = _document(store_settings, f"{deployment.controller.namespace}/large")
    assert document["exec"]["code"]["attachmentName"].startswith("couch:")
    assert len(document["_attachments"]) == 1
    assert deployment.invoke("large")["response"]["result"] == {"large": True}


def _document(store: dict[str, Any], name: str) -> dict[str, Any]:
    """The action as the store has it."""
    request = urllib.request.Request(f"{store['url']}/{store['whisks']}/{quote(name, safe='')}")
    login = base64.b64encode(f"{store['user']}:{store['password']}".encode()).decode()
    request.add_header("Authorization", f"Basic {login}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        document: dict[str, Any] = json.load(answer)
        return document


@pytest.mark.parametrize("scheme", sorted(KEYS))
def test_locked_parameters_are_unlocked_for_the_action(
    deployment: Deployment, broker: OwnBroker, scheme: str
) -> None:
    """As a controller with keys would send it; the devstack's has none."""
    deployment.create("echo", ECHO)
    action = deployment.controller.ask("GET", "actions/echo")[1]
    locked = encryption.encrypt({"word": "open"}, scheme, KEYS)
    secret = encryption.encrypt("of the environment", scheme, KEYS)
    activation_id = uuid.uuid4().hex
    unique = deployment.controller.namespace.removeprefix("test-")
    message = {
        "action": {
            "path": deployment.controller.namespace,
            "name": "echo",
            "version": action["version"],
        },
        "activationId": activation_id,
        "blocking": False,
        "content": {"plain": 1, "locked": locked, "secret": secret},
        "initArgs": ["secret"],
        "lockedArgs": {"locked": scheme, "secret": scheme},
        "revision": None,
        "rootControllerIndex": {"asString": unique, "instanceType": "controller"},
        "transid": ["test", int(time.time() * 1000)],
        "user": {
            "authkey": {"api_key": deployment.controller.key},
            "limits": {},
            "namespace": {"name": deployment.controller.namespace, "uuid": "u"},
            "rights": [],
            "subject": deployment.controller.namespace,
        },
    }
    producer = Producer({"bootstrap.servers": broker.plain})
    producer.produce(f"{unique}-invoker0", json.dumps(message).encode())
    assert producer.flush(30) == 0
    result = deployment.record(activation_id)["response"]["result"]
    assert result["plain"] == 1
    assert result["locked"] == {"word": "open"}
    assert "secret" not in result
    assert result["env"] == "of the environment"
