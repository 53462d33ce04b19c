"""Kafka, a store and a Docker Engine of our own: they may be stopped without harm to others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import docker
import docker.utils

from devstack.kafka import Kafka
from devstack.kafka.broker import JARS
from devstack.machine.engine import Engine
from devstack.machine.engine_by_sudo import EngineBySudo
from devstack.machine.own_engine import OwnEngine
from devstack.machine.privilege import as_root
from devstack.paths import Paths
from devstack.secrets import Secrets
from devstack.stack import Stack
from devstack.store.contents import ensure_contents
from devstack.store.couch import Couch
from devstack.store.server import StoreServer
from devstack.store.settings import Databases
from invoker_plugin.containers import labels
from tests.integration.containers.conftest import PLAIN, SWIFT, _file_system
from tests.polling import eventually

Document = dict[str, Any]


class Surroundings:
    """The three services below one directory, on ports of their own."""

    def __init__(self, paths: Paths, devstack: Stack) -> None:
        self.paths = paths
        paths.create()
        devstack.kafka.ensure_jars()
        StoreServer(devstack.paths).ensure_installed()
        for kept in (JARS.directory(devstack.paths), StoreServer(devstack.paths)._modules):
            link = paths.cache / kept.name
            if not link.exists():
                link.symlink_to(kept)
        self.kafka = Kafka(paths)
        self.store = StoreServer(paths)
        self.databases = Databases()
        self.engine: Engine = OwnEngine(paths) if os.geteuid() == 0 else EngineBySudo(paths)

    def up(self) -> None:
        """Start all three, with databases and images."""
        self.kafka.ensure_started()
        self.store.ensure_started()
        ensure_contents(self.couch, self.databases, Secrets(self.paths))
        self.engine.up()
        client = self.docker()
        entry = f'ENTRYPOINT ["{sys.base_prefix}/bin/python3", "-S", "/runtime.py"]'
        for image, changes in ((PLAIN, [entry]), (SWIFT, [entry, f"LABEL {labels.PROTOCOL}=1"])):
            name, _, tag = image.partition(":")
            client.import_image_from_data(_file_system(), repository=name, tag=tag, changes=changes)

    def down(self) -> None:
        """Stop all three."""
        self.engine.down()
        self.store.stop()
        self.kafka.stop()

    # -- the store --------------------------------------------------------------------------

    @property
    def couch(self) -> Couch:
        """A client of the store."""
        return Couch(self.store.address)

    def add_action(self, name: str, code: str, kind: str = "python:3", **limits: int) -> str:
        """Store an action of namespace ``guest``; its revision."""
        document = {
            "_id": f"guest/{name}",
            "entityType": "action",
            "namespace": "guest",
            "name": name,
            "version": "0.0.1",
            "publish": False,
            "exec": {"kind": kind, "binary": False, "code": code},
            "limits": {"timeout": 60000, "memory": 128, "logs": 10, "concurrency": 1, **limits},
            "annotations": [],
            "parameters": [],
            "updated": 1,
        }
        self.couch.ensure_document(self.databases.whisks, document)
        stored = self.couch.get(self.databases.whisks, document["_id"])
        assert stored is not None
        return str(stored["_rev"])

    def record(self, activation_id: str) -> Document | None:
        """The activation's record, when the store has it."""
        return self.couch.get(self.databases.activations, f"guest/{activation_id}")

    def records(self, ids: list[str]) -> dict[str, Document]:
        """The records that the store has of those."""
        path = f"/{quote(self.databases.activations)}/_all_docs?include_docs=true"
        wanted: Document = {"keys": [f"guest/{one}" for one in ids]}
        rows = self.couch._call("POST", path, wanted)[1]["rows"]
        found = (row.get("doc") for row in rows)
        return {doc["activationId"]: doc for doc in found if doc is not None}

    # -- Docker -----------------------------------------------------------------------------

    def docker(self) -> docker.APIClient:
        """A client of the engine."""
        return docker.APIClient(base_url=self.engine.docker_host_url, version="auto")

    def containers(self, all_states: bool = False) -> list[Document]:
        """The invoker's containers."""
        found: list[Document] = self.docker().containers(all=all_states, filters={"name": "wsk"})
        return found

    def end_engine(self) -> None:
        """End dockerd as ``systemctl stop docker`` does; its containers end with it."""
        (pid,) = self._dockerd()
        subprocess.run(as_root(["kill", str(pid)]), check=True)
        eventually(lambda: not self._dockerd(), "dockerd ends", 60)

    def start_engine(self) -> None:
        """Start it on the same data and socket."""
        self.engine.up()

    def _dockerd(self) -> list[int]:
        wanted = str(self.paths.run / "engine.json").encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                if wanted in (entry / "cmdline").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError):
                continue
        return found
