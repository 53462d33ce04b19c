"""A controller process on the devstack's Kafka and store, with its own topics and namespace."""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.integration.controller.invoker import FakeInvoker
from tests.polling import eventually
from tests.unit.devstack.controller.fakes import MANIFEST

Document = dict[str, Any]
REPOSITORY = Path(__file__).parents[3]
PING_TIMEOUT_MS = 1500
_START_SECONDS = 60.0
_STOP_SECONDS = 30.0


@dataclass
class Controller:
    """A running controller, and a key of its own namespace."""

    url: str
    key: str
    namespace: str
    log: Path

    def ask(
        self, method: str, path: str, body: Any = None, key: str | None = None
    ) -> tuple[int, Any, dict[str, str]]:
        """Status, JSON body, headers; ``path`` is below the namespace unless absolute."""
        url = self.url + (path if path.startswith("/") else f"/api/v1/namespaces/_/{path}")
        data = None if body is None else json.dumps(body).encode()
        return _ask(method, url, data, key or self.key)

    def await_state(self, state: str, seconds: float = 30.0) -> None:
        """Until the one invoker is in ``state``."""
        eventually(
            lambda: list(self.ask("GET", "/invokers")[1].values()) == [state],
            f"the invoker {state}",
            seconds,
        )


@pytest.fixture(scope="module")
def controller(
    kafka_hosts: str, store_settings: Document, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Controller]:
    folder = tmp_path_factory.mktemp("controller")
    with controller_process(kafka_hosts, store_settings, folder, MANIFEST, PING_TIMEOUT_MS) as up:
        yield up


@contextmanager
def controller_process(
    kafka_hosts: str,
    store_settings: Document,
    folder: Path,
    manifest: Document,
    ping_timeout_ms: int,
) -> Iterator[Controller]:
    """A controller with topics and a namespace of its own; it ends with the block."""
    unique = uuid.uuid4().hex[:12]
    namespace = f"test-{unique}"
    key = _subject(store_settings, namespace)
    configuration = {
        "port": 0,
        "controller_id": unique,
        "ping_timeout_ms": ping_timeout_ms,
        "kafka": {"hosts": kafka_hosts, "topic_prefix": f"{unique}-"},
        "store": {
            "url": store_settings["url"],
            "username": store_settings["user"],
            "password": store_settings["password"],
            **{name: store_settings[name] for name in ("subjects", "whisks", "activations")},
        },
        "runtimes": manifest,
    }
    file, port_file, log = folder / "controller.json", folder / "port", folder / "log"
    file.write_text(json.dumps(configuration))
    command = [sys.executable, "-m", "devstack.controller"]
    command += ["--config", str(file), "--port-file", str(port_file)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=REPOSITORY, stderr=output)
    try:
        eventually(
            lambda: port_file.exists() or process.poll() is not None,
            "the port file",
            _START_SECONDS,
        )
        assert process.poll() is None, log.read_text()
        eventually(lambda: bool(port_file.read_text()), "the port", 30)
        yield Controller(f"http://127.0.0.1:{int(port_file.read_text())}", key, namespace, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(_STOP_SECONDS) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
        _delete_topics(kafka_hosts, f"{unique}-")


@pytest.fixture(scope="module")
def invoker(
    controller: Controller, kafka_hosts: str, store_settings: Document
) -> Iterator[FakeInvoker]:
    unique = controller.namespace.removeprefix("test-")
    admin = AdminClient({"bootstrap.servers": kafka_hosts})
    topic = f"{unique}-invoker0"
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    made = FakeInvoker(kafka_hosts, f"{unique}-", unique, store_settings)
    made.start()
    try:
        controller.await_state("up")
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def node_modules(devstack: Any) -> Path:
    """The npm client, installed once from its lock file into the devstack's cache."""
    source = Path(__file__).parent / "client"
    target: Path = devstack.paths.cache / "npm-openwhisk-3.21.9"
    if not (target / "node_modules" / "openwhisk").exists():
        target.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            (target / name).write_text((source / name).read_text())
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=target, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"npm cannot install the client: {done.stderr}"
    return target / "node_modules"


@pytest.fixture
def client(controller: Controller, node_modules: Path) -> Callable[[str], Document]:
    """Runs a script of ``client/`` with node against the controller; answers what it printed."""

    def run(script: str) -> Document:
        environment = {k: v for k, v in os.environ.items() if "proxy" not in k.lower()}
        path = Path(__file__).parent / "client" / script
        done = subprocess.run(
            ["node", str(path), controller.url, controller.key],
            env={**environment, "NODE_PATH": str(node_modules)},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        found: Document = json.loads(done.stdout)
        return found

    return run


def _delete_topics(hosts: str, prefix: str) -> None:
    admin = AdminClient({"bootstrap.servers": hosts})
    ours = [name for name in admin.list_topics(timeout=30).topics if name.startswith(prefix)]
    for future in admin.delete_topics(ours).values():
        future.result(30)


def _subject(store: Document, namespace: str) -> str:
    """Make a subject with a namespace of its own; answers its key."""
    identifier, secret = str(uuid.uuid4()), uuid.uuid4().hex * 2
    documents = (
        {
            "_id": namespace,
            "subject": namespace,
            "namespaces": [{"name": namespace, "uuid": identifier, "key": secret}],
        },
        {"_id": f"{namespace}/limits", "concurrentInvocations": 99},
    )
    for document in documents:
        url = f"{store['url']}/{store['subjects']}/{document['_id'].replace('/', '%2F')}"
        login = f"{store['user']}:{store['password']}"
        status, answer, _ = _ask("PUT", url, json.dumps(document).encode(), login)
        assert status == 201, answer
    return f"{identifier}:{secret}"


def _ask(method: str, url: str, data: bytes | None, login: str) -> tuple[int, Any, dict[str, str]]:
    headers = {
        "Authorization": f"Basic {base64.b64encode(login.encode()).decode()}",
        "Content-Type": "application/json",
    }
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=60) as response:
            return response.status, json.load(response), dict(response.headers)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error), dict(error.headers)
