"""An invoker that runs nothing: it pings, and acknowledges over real Kafka what it is sent."""

from __future__ import annotations

import base64
import json
import threading
import time
import urllib.request
import uuid
from typing import Any

from confluent_kafka import Consumer, Producer

Document = dict[str, Any]
_PING_SECONDS = 0.2
_LARGE = "large"


class FakeInvoker:
    """Answers by the action's name: ``fail`` fails, ``large`` acknowledges only the id, ``silent``
    never; every other one gives its arguments back. All but ``silent`` leave a record in the store.
    """

    def __init__(self, hosts: str, prefix: str, controller_id: str, store: Document) -> None:
        self.enabled = True
        self.pinging = True
        self.healthy = True
        self.received: list[Document] = []
        self._prefix = prefix
        self._completed = f"completed{controller_id}"
        self._store = store
        self._hosts = hosts
        self._stopping = threading.Event()
        self._producer = Producer({"bootstrap.servers": hosts})
        self._threads = [
            threading.Thread(target=self._ping, name="fake-invoker-ping"),
            threading.Thread(target=self._run, name="fake-invoker-run"),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._producer.flush(10)

    def _ping(self) -> None:
        while not self._stopping.wait(_PING_SECONDS):
            if self.pinging:
                self._send("health", {"isEnabled": self.enabled, "name": _INSTANCE})

    def _run(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._hosts,
                "group.id": uuid.uuid4().hex,
                "auto.offset.reset": "earliest",
                "allow.auto.create.topics": True,
            }
        )
        consumer.subscribe([f"{self._prefix}invoker0"])
        try:
            while not self._stopping.is_set():
                message = consumer.poll(0.1)
                if message is not None and message.error() is None:
                    self._answer(json.loads(message.value()))
        finally:
            consumer.close()

    def _answer(self, message: Document) -> None:
        self.received.append(message)
        name = message["action"]["name"]
        if name == "silent":
            return
        if "content" not in message:
            self._send(self._completed, self._completion(message, not self.healthy))
            return
        record = _record(message)
        self._keep(message, record)
        if message["blocking"]:
            response: Any = record["activationId"] if name == _LARGE else record
            self._send(self._completed, {"response": response, "transid": message["transid"]})
        self._send(self._completed, self._completion(message, False))

    def _completion(self, message: Document, system_error: bool) -> Document:
        return {
            "activationId": message["activationId"],
            "instance": _INSTANCE,
            "isSystemError": system_error,
            "transid": message["transid"],
        }

    def _keep(self, message: Document, record: Document) -> None:
        document = {
            **record,
            "_id": f"{record['namespace']}/{record['activationId']}",
            "entityType": "activation",
            "logs": ["2026-11-22T15:45:21.354052469Z stdout: hello"],
            "updated": record["end"],
        }
        login = f"{self._store['user']}:{self._store['password']}".encode()
        request = urllib.request.Request(
            f"{self._store['url']}/{self._store['activations']}/_bulk_docs",
            data=json.dumps({"docs": [document]}).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Basic {base64.b64encode(login).decode()}",
            },
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        opener.open(request, timeout=30).close()

    def _send(self, topic: str, message: Document) -> None:
        self._producer.produce(self._prefix + topic, json.dumps(message).encode())
        self._producer.poll(0)


_INSTANCE = {
    "instance": 0,
    "instanceType": "invoker",
    "displayedName": "fake",
    "userMemory": "2147483648 B",
    "tags": [],
    "dedicatedNamespaces": [],
}


def _record(message: Document) -> Document:
    failed = message["action"]["name"] == "fail"
    now_ms = int(time.time() * 1000)
    path = f"{message['action']['path']}/{message['action']['name']}"
    return {
        "activationId": message["activationId"],
        "annotations": [{"key": "path", "value": path}, {"key": "waitTime", "value": 1}],
        "duration": 5,
        "end": now_ms,
        "logs": [],
        "name": message["action"]["name"],
        "namespace": message["user"]["namespace"]["name"],
        "publish": False,
        "response": {
            "result": {"error": "as told"} if failed else message["content"],
            "size": 2,
            "statusCode": 1 if failed else 0,
        },
        "start": now_ms - 5,
        "subject": message["user"]["subject"],
        "version": message["action"]["version"],
    }
