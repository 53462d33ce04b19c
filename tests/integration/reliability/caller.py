"""The controller's side of Kafka: sends activations, and gathers the acks."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import defaultdict
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.integration.reliability.surroundings import Document
from tests.polling import eventually


class Caller:
    """One controller, ``0``, under a topic prefix of its own."""

    def __init__(self, hosts: str, prefix: str) -> None:
        self._hosts = hosts
        self._prefix = prefix
        self.acks: dict[str, list[Document]] = defaultdict(list)
        self.pings: list[tuple[float, Document]] = []
        # As OpenWhisk's: what was sent is there once, whatever becomes of the broker meanwhile.
        self._producer = Producer(
            {
                "bootstrap.servers": hosts,
                "enable.idempotence": True,
                "linger.ms": 0,
                "log_level": 0,
                "reconnect.backoff.max.ms": 1_000,
            }
        )
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._gather, name="caller")
        self.sent: list[str] = []

    def start(self) -> None:
        """Make the topics that a controller makes, and listen."""
        admin = AdminClient({"bootstrap.servers": self._hosts})
        names = [f"{self._prefix}{name}" for name in ("completed0", "health", "invoker0")]
        for future in admin.create_topics([NewTopic(name, 1, 1) for name in names]).values():
            future.result(30)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._ending.set()
        self._thread.join()
        self._producer.flush(10)

    def invoke(
        self, action: str, revision: str, content: Any = None, blocking: bool = False
    ) -> str:
        """Send an activation of an action of namespace ``guest``; its id."""
        activation_id = uuid.uuid4().hex
        message = {
            "action": {"path": "guest", "name": action, "version": "0.0.1"},
            "activationId": activation_id,
            "blocking": blocking,
            "content": {"id": activation_id, **(content or {})},
            "initArgs": [],
            "lockedArgs": {},
            "revision": revision,
            "rootControllerIndex": {"asString": "0", "instanceType": "controller"},
            "transid": [uuid.uuid4().hex, int(time.time() * 1000)],
            "user": {
                "authkey": {"api_key": "uuid:key"},
                "limits": {},
                "namespace": {"name": "guest", "uuid": "u"},
                "rights": [],
                "subject": "guest",
            },
        }
        self.sent.append(activation_id)
        self._producer.produce(f"{self._prefix}invoker0", json.dumps(message).encode())
        self._producer.poll(0)
        return activation_id

    def flush(self) -> None:
        """Until the broker has all that was sent."""
        assert self._producer.flush(90) == 0

    def completions(self, activation_id: str) -> list[Document]:
        """The acks that end the activation: one, if all is well."""
        return [ack for ack in list(self.acks[activation_id]) if "instance" in ack]

    def completed(self, ids: list[str]) -> list[str]:
        """Those of ``ids`` that ended."""
        return [one for one in ids if self.completions(one)]

    def await_completed(self, ids: list[str], seconds: float = 90.0) -> None:
        """Until all of ``ids`` ended."""
        eventually(
            lambda: len(self.completed(ids)) == len(ids), "all activations are completed", seconds
        )

    def _gather(self) -> None:
        consumer = Consumer(
            {
                "bootstrap.servers": self._hosts,
                "group.id": uuid.uuid4().hex,
                "enable.auto.commit": False,
                "log_level": 0,
                "reconnect.backoff.max.ms": 1_000,
            }
        )
        places = [f"{self._prefix}completed0", f"{self._prefix}health"]
        consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING) for name in places])
        try:
            while not self._ending.is_set():
                message = consumer.poll(0.1)
                if message is None or message.error() is not None:
                    continue
                body = json.loads(message.value())
                if message.topic().endswith("health"):
                    self.pings.append((time.monotonic(), body))
                else:
                    self.acks[_subject(body)].append(body)
        finally:
            consumer.close()


def _subject(ack: Document) -> str:
    response = ack.get("response")
    if isinstance(response, dict):
        return str(response["activationId"])
    return str(response or ack["activationId"])
