"""The controller with its store and bus in memory, and a client of its API."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from devstack.controller.code import Attachment
from devstack.controller.configuration import Configuration, parse
from devstack.controller.configuration import Store as StoreSettings
from devstack.controller.faults import Conflict
from devstack.controller.kafka import Bus, BusFault, Received
from devstack.controller.service import Service
from devstack.controller.store import Store

Document = dict[str, Any]
GUEST = "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:key-of-guest"
OTHER = "33bc46b1-71f6-4ed5-8c54-816aa4f8c502:key-of-other"
MANIFEST = {
    "runtimes": {
        "nodejs": [{"kind": "nodejs:20", "default": True, "image": {"name": "node"}}],
        "python": [
            {
                "kind": "python:3",
                "default": True,
                "image": {"name": "python"},
                "attached": {"attachmentName": "codefile", "attachmentType": "text/plain"},
            },
            {"kind": "python:2", "deprecated": True, "image": {"name": "old"}},
        ],
    }
}
PING = {
    "isEnabled": True,
    "name": {
        "instance": 0,
        "instanceType": "invoker",
        "displayedName": "invoker0",
        "userMemory": "1073741824 B",
        "tags": [],
        "dedicatedNamespaces": [],
    },
}


class MemoryStore(Store):
    """Documents in dictionaries; the views in Python."""

    def __init__(self) -> None:
        super().__init__(StoreSettings())
        self.documents: dict[str, dict[str, Document]] = {self.whisks: {}, self.activations: {}}
        self.attachments: dict[tuple[str, str], bytes] = {}
        self.subjects = {GUEST: "guest", OTHER: "other"}

    async def open(self) -> None:
        return

    async def close(self) -> None:
        return

    async def get(self, database: str, identifier: str) -> Document | None:
        found = self.documents[database].get(identifier)
        return None if found is None else json.loads(json.dumps(found))

    async def put(self, database: str, document: Document) -> Document:
        old = self.documents[database].get(document["_id"])
        if (old or {}).get("_rev") != document.get("_rev"):
            raise Conflict
        return self._write(database, document)

    async def put_attachment(
        self, database: str, document: Document, attachment: Attachment
    ) -> Document:
        self.attachments[document["_id"], attachment.name] = attachment.content
        return self._write(database, document)

    async def attachment(self, database: str, identifier: str, name: str) -> bytes | None:
        return self.attachments.get((identifier, name))

    async def delete(self, database: str, document: Document) -> None:
        del self.documents[database][document["_id"]]

    async def store_activation(self, record: Document) -> None:
        self._write(self.activations, record)

    async def identity_rows(self, namespace_uuid: str, key: str) -> list[Document]:
        name = self.subjects.get(f"{namespace_uuid}:{key}")
        if name is None:
            return []
        value = {"namespace": name, "uuid": namespace_uuid, "key": key}
        return [{"id": name, "value": value, "doc": {"_id": f"{name}/limits", "_rev": "1-x"}}]

    async def view(self, database: str, view: str, parameters: Mapping[str, Any]) -> list[Document]:
        path = parameters["startkey"][0]
        kind = {"actions": "exec", "packages": "binding"}.get(view.partition("/")[2], "start")
        found = [
            document
            for document in self.documents[database].values()
            if kind in document and self._below(document, path)
        ]
        if parameters.get("reduce"):
            return [{"value": len(found)}]
        found.sort(key=lambda item: item.get("start", item.get("updated", 0)), reverse=True)
        skip = parameters["skip"]
        chosen = found[skip : skip + parameters["limit"]]
        return [{"value": document, "doc": document} for document in chosen]

    @staticmethod
    def _below(document: Document, path: str) -> bool:
        namespace = document["namespace"]
        named = f"{namespace}/{document['name']}"
        return path in (namespace, namespace.partition("/")[0], named)

    def _write(self, database: str, document: Document) -> Document:
        number = int(document.get("_rev", "0-").partition("-")[0]) + 1
        stored = {**document, "_rev": f"{number}-{uuid.uuid4().hex}"}
        self.documents[database][document["_id"]] = stored
        return dict(stored)


class MemoryBus(Bus):
    """Keeps what is sent; ``answer`` may make an invoker's acks of it at once."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Document]] = []
        self.failing = False
        self.answer: Callable[[Document], list[Document]] = lambda _message: []
        self._handlers: dict[str, Callable[[Received], None]] = {}

    async def start(self, topics: Mapping[str, Mapping[str, str]]) -> None:
        return

    async def tail(self, topic: str, handle: Callable[[Received], None]) -> None:
        self._handlers[topic] = handle

    async def send(self, topic: str, value: bytes) -> None:
        if self.failing:
            raise BusFault("no broker")
        message = json.loads(value)
        self.sent.append((topic, message))
        for ack in self.answer(message):
            self.receive("completed0", ack)

    async def close(self) -> None:
        return

    def receive(self, topic: str, message: Any) -> None:
        """Let the controller receive ``message``."""
        value = message if isinstance(message, bytes) else json.dumps(message).encode()
        self._handlers[topic](Received(0, value))

    def activations(self) -> list[Document]:
        """The messages sent that are no health tests."""
        return [message for _, message in self.sent if message["transid"][0] != "sid_invokerHealth"]


@dataclass
class Running:
    """A controller in this process and how to talk to it."""

    url: str
    session: aiohttp.ClientSession
    store: MemoryStore
    bus: MemoryBus
    headers: dict[str, str] = field(default_factory=dict)

    async def ask(
        self, method: str, path: str, body: Any = None, key: str | None = GUEST, **query: Any
    ) -> tuple[int, Any]:
        """Status and JSON body; ``path`` is below ``/api/v1/namespaces/_`` unless absolute."""
        encoded = base64.b64encode((key or "").encode()).decode()
        headers = {} if key is None else {"Authorization": f"Basic {encoded}"}
        url = self.url + (path if path.startswith("/") else f"/api/v1/namespaces/_/{path}")
        async with self.session.request(
            method, url, json=body, headers=headers, params={k: str(v) for k, v in query.items()}
        ) as response:
            self.headers = dict(response.headers)
            return response.status, json.loads(await response.text())

    def invoker_up(self) -> None:
        """A ping, and the ack of the health test that it brings about."""
        self.bus.receive("health", PING)
        self.bus.receive("completed0", completion("0" * 32, "sid_invokerHealth"))


def settings(**changes: Any) -> Configuration:
    """A configuration that listens on any port."""
    return parse({"port": 0, "runtimes": MANIFEST, **changes})


@asynccontextmanager
async def controller(**changes: Any) -> AsyncIterator[Running]:
    """A running controller over memory."""
    store, bus = MemoryStore(), MemoryBus()
    service = Service(settings(**changes), store, bus)
    port = await service.start()
    async with aiohttp.ClientSession() as session:
        try:
            yield Running(f"http://127.0.0.1:{port}", session, store, bus)
        finally:
            await service.stop()


def completion(activation_id: str, transaction: str = "t", system_error: bool = False) -> Document:
    """The ack that frees a slot."""
    return {
        "activationId": activation_id,
        "instance": PING["name"],
        "isSystemError": system_error,
        "transid": [transaction, 1],
    }


def record(message: Document, result: Any, status_code: int = 0) -> Document:
    """The record of an activation as an invoker acknowledges it."""
    return {
        "activationId": message["activationId"],
        "annotations": [{"key": "path", "value": "guest/x"}, {"key": "waitTime", "value": 1}],
        "duration": 5,
        "end": 1005,
        "logs": [],
        "name": message["action"]["name"],
        "namespace": message["user"]["namespace"]["name"],
        "publish": False,
        "response": {"result": result, "size": 2, "statusCode": status_code},
        "start": 1000,
        "subject": "guest",
        "version": "0.0.1",
    }


def echo(message: Document) -> list[Document]:
    """An invoker that answers every activation with its own content."""
    if "content" not in message:
        return [completion(message["activationId"], "sid_invokerHealth")]
    result = {"response": record(message, message["content"]), "transid": message["transid"]}
    return [result, completion(message["activationId"])]
