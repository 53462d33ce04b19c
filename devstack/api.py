"""The development controller (``devstack.controller``) as a service of the devstack."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path
from typing import Any

from devstack.environment import PYTHON, source_digest
from devstack.files import write_atomically
from devstack.kafka import Kafka
from devstack.manifest import runtimes_manifest
from devstack.paths import PACKAGE, REPOSITORY, Paths
from devstack.ports import Ports
from devstack.process import Daemon
from devstack.store import Store

_PROPERTIES = "wskprops"


class Api:
    """OpenWhisk's REST API on loopback, by the development controller."""

    def __init__(self, paths: Paths, kafka: Kafka, store: Store) -> None:
        self._paths = paths
        self._ports = Ports(paths)
        self._kafka = kafka
        self._store = store
        self._file = paths.run / "controller.json"

    @property
    def url(self) -> str:
        """The API host, as clients take it."""
        return f"http://127.0.0.1:{self._ports.get('controller')}"

    @property
    def authorization(self) -> str:
        """The guest's ``uuid:key``."""
        return self._store.subject("guest").authorization

    @property
    def properties(self) -> Path:
        """A file for ``wsk`` (``WSK_CONFIG_FILE``) with the API host and the guest's key."""
        return self._paths.home / f".{_PROPERTIES}"

    @property
    def pid(self) -> int | None:
        """The controller's process, when it runs."""
        return self._daemon().pid()

    @property
    def log(self) -> Path:
        return self._daemon().log

    def ensure_started(self) -> str:
        """Have it running."""
        if self.pid is None:
            self._ports.settle("controller")
        configuration = json.dumps(self._configuration(), indent=1)
        write_atomically(self._file, configuration)
        started = self._daemon(configuration).start()
        self.write_properties()
        return f"{'started' if started else 'kept'}: {self.url}"

    def write_properties(self) -> None:
        """Write the file for ``wsk``."""
        lines = {"APIHOST": self.url, "AUTH": self.authorization, "NAMESPACE": "_"}
        write_atomically(self.properties, "".join(f"{k}={v}\n" for k, v in lines.items()))

    def stop(self) -> bool:
        """Stop it; False when it did not run."""
        return self._daemon().stop()

    def healthy_invokers(self) -> int:
        """How many invokers the controller gives work to. Raises OSError when it is not up."""
        return int(_get(f"{self.url}/invokers/healthy/count"))

    def invokers(self) -> dict[str, Any]:
        """The state of each invoker the controller knows, by name."""
        states: dict[str, Any] = json.loads(_get(f"{self.url}/invokers"))
        return states

    def _daemon(self, configuration: str = "") -> Daemon:
        return Daemon(
            self._paths,
            "controller",
            [str(PYTHON), "-m", "devstack.controller", "--config", str(self._file)],
            ready=lambda: _get(f"{self.url}/ping") != "",
            directory=REPOSITORY,
            configuration=configuration + source_digest(PACKAGE / "controller"),
        )

    def _configuration(self) -> dict[str, Any]:
        address, databases = self._store.address, self._store.databases
        return {
            "host": "127.0.0.1",
            "port": self._ports.get("controller"),
            "kafka": {"hosts": self._kafka.hosts},
            "store": {
                "url": address.url,
                "username": address.user,
                "password": address.password,
                "subjects": databases.subjects,
                "whisks": databases.whisks,
                "activations": databases.activations,
            },
            "runtimes": runtimes_manifest(),
        }


def _get(url: str) -> str:
    # No proxy: an environment's proxy does not reach this machine's own loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(url, timeout=5) as answer:
        text: str = answer.read().decode()
        return text
