"""All parts of the devstack together: up, down, status, environment."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import TextIO

from devstack import process
from devstack.api import Api
from devstack.environment import ensure_environment
from devstack.kafka import Kafka
from devstack.packages import ensure_programs
from devstack.parts import Part, choose
from devstack.paths import Paths
from devstack.steps import Step, run_steps
from devstack.store import Store

_PROGRAMS = "programs"


class Stack:
    """The devstack of one home directory."""

    def __init__(self, paths: Paths | None = None) -> None:
        self.paths = paths or Paths.find()
        self.kafka = Kafka(self.paths)
        self.store = Store(self.paths)
        self.api = Api(self.paths, self.kafka, self.store)

    def parts(self) -> list[Part]:
        """Every part, in the order of what needs what."""
        return [self._kafka_part(), self._store_part(), self._controller_part()]

    def up(self, only: Sequence[str] = (), stream: TextIO | None = None) -> float:
        """Bring ``only`` (all, if empty) and what they require up; returns the seconds taken."""
        chosen = choose(self.parts(), only)
        needed = list(dict.fromkeys(program for part in chosen for program in part.programs))
        first = Step(_PROGRAMS, lambda: ensure_programs(self.paths, needed))
        steps = [step for part in chosen for step in part.steps]
        return run_steps([first, *steps], stream)

    def down(self) -> list[str]:
        """Stop all parts, last first, then whatever else carries this home's mark."""
        stopped = [part.name for part in reversed(self.parts()) if part.stop()]
        stray = process.end_stray(self.paths)
        return stopped + [f"stray process {pid}" for pid in stray]

    def clean(self) -> None:
        """Remove what was built and kept; the stack must be down."""
        shutil.rmtree(self.paths.home, ignore_errors=False)

    def environment(self) -> dict[str, str]:
        """What a shell needs to use the parts by hand."""
        found: dict[str, str] = {}
        for part in self.parts():
            found.update(part.environment())
        return found

    def _kafka_part(self) -> Part:
        kafka = self.kafka
        return Part(
            "kafka",
            [
                Step("kafka: jars", kafka.ensure_jars, (_PROGRAMS,)),
                Step("kafka: broker", kafka.ensure_started, ("kafka: jars",)),
            ],
            stop=kafka.stop,
            state=lambda: _state(kafka.pid, kafka.hosts),
            programs=kafka.programs(),
            logs=(kafka.log,),
            environment=lambda: {"KAFKA_HOSTS": kafka.hosts},
        )

    def _store_part(self) -> Part:
        store = self.store
        return Part(
            "store",
            [
                Step("store: server", store.ensure_installed, (_PROGRAMS,)),
                Step("store: running", store.ensure_started, ("store: server",)),
                Step("store: contents", store.ensure_contents, ("store: running",)),
            ],
            stop=store.stop,
            state=store.state,
            programs=store.programs(),
            logs=(store.log,),
            environment=self._store_environment,
        )

    def _controller_part(self) -> Part:
        api = self.api
        return Part(
            "controller",
            [
                Step("python environment", lambda: ensure_environment(self.paths)),
                Step(
                    "controller",
                    api.ensure_started,
                    ("python environment", "kafka: broker", "store: contents"),
                ),
            ],
            stop=api.stop,
            state=lambda: _state(api.pid, api.url),
            requires=("kafka", "store"),
            logs=(api.log,),
            environment=lambda: {
                "WSK_CONFIG_FILE": str(api.properties),
                "OPENWHISK_APIHOST": api.url,
                "OPENWHISK_AUTH": api.authorization,
            },
        )

    def _store_environment(self) -> Mapping[str, str]:
        address, databases = self.store.address, self.store.databases
        return {
            "CONFIG_whisk_couchdb_provider": "CouchDB",
            "CONFIG_whisk_couchdb_protocol": address.protocol,
            "CONFIG_whisk_couchdb_host": address.host,
            "CONFIG_whisk_couchdb_port": str(address.port),
            "CONFIG_whisk_couchdb_username": address.user,
            "CONFIG_whisk_couchdb_password": address.password,
            "CONFIG_whisk_couchdb_databases_WhiskAuth": databases.subjects,
            "CONFIG_whisk_couchdb_databases_WhiskEntity": databases.whisks,
            "CONFIG_whisk_couchdb_databases_WhiskActivation": databases.activations,
        }


def _state(pid: int | None, where: str) -> str:
    return "down" if pid is None else f"up, pid {pid}, {where}"
