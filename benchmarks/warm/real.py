"""The devstack's own Kafka and store in place of the simulated ones; the container stays a stub."""

from __future__ import annotations

import asyncio
import base64
import json
import statistics
import threading
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from action import DOCUMENT
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from devstack.lock import exclusive
from devstack.stack import Stack

_POLL_S = 0.1


class RealBroker:
    """Sends activation messages to Kafka and hands on the acks that come back."""

    def __init__(self, hosts: str, prefix: str, acked: Callable[[bytes], None]) -> None:
        self._topic = f"{prefix}invoker0"
        self._completed = f"{prefix}completed0"
        self._acked = acked
        self._loop = asyncio.get_running_loop()
        common = {"bootstrap.servers": hosts, "socket.nagle.disable": True}
        admin = AdminClient(common)
        topics = [NewTopic(name, 1, 1) for name in (self._topic, self._completed)]
        for created in admin.create_topics(topics).values():
            created.result()
        self._producer = Producer({**common, "linger.ms": 0})
        self._consumer = Consumer(
            {**common, "group.id": prefix, "auto.offset.reset": "earliest", "fetch.min.bytes": 1}
        )
        self._consumer.subscribe([self._completed])
        self.subscribed = asyncio.Event()
        # Kafka keeps what comes before the invoker does.
        self.subscribed.set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="acks", daemon=True)
        self._thread.start()

    def put(self, message: bytes) -> None:
        """Send an activation message."""
        self._producer.produce(self._topic, message)
        self._producer.poll(0)

    async def one_way_ms(self, rounds: int) -> float:
        """The median time from producing to having consumed, with no invoker between."""
        acked, took_s = self._acked, []
        for _ in range(rounds):
            came = asyncio.Event()
            self._acked = lambda _ack, came=came: came.set()
            began_s = time.perf_counter()
            self._producer.produce(self._completed, b"{}" * 450)
            self._producer.poll(0)
            await asyncio.wait_for(came.wait(), 60)
            took_s.append(time.perf_counter() - began_s)
        self._acked = acked
        return round(statistics.median(took_s) * 1000, 3)

    def close(self) -> None:
        """Hang up."""
        self._stopping.set()
        self._thread.join()
        self._consumer.close()
        self._producer.flush(10)

    def _read(self) -> None:
        while not self._stopping.is_set():
            message = self._consumer.poll(_POLL_S)
            if message is not None and message.error() is None:
                self._loop.call_soon_threadsafe(self._hand_on, message.value())

    def _hand_on(self, ack: bytes) -> None:
        self._acked(ack)


def bring_up() -> tuple[str, dict[str, Any]]:
    """Have the devstack's Kafka and store up; brokers, and the settings of the store."""
    stack = Stack()
    with exclusive(stack.paths):
        stack.up(["kafka", "store"])
    store = stack.store
    settings = {
        "host": store.address.host,
        "port": store.address.port,
        "username": store.address.user,
        "password": store.address.password,
        "subjects": store.databases.subjects,
        "actions": store.databases.whisks,
        "activations": store.databases.activations,
    }
    return stack.kafka.hosts, settings


def put_action(store: dict[str, Any]) -> str:
    """Have the no-op action in the store; its revision."""
    url = f"http://{store['host']}:{store['port']}/{store['actions']}/guest%2Fnoop"
    login = base64.b64encode(f"{store['username']}:{store['password']}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    document = {key: value for key, value in DOCUMENT.items() if key != "_rev"}
    try:
        with opener.open(urllib.request.Request(url, headers=headers), timeout=30) as answer:
            document["_rev"] = json.load(answer)["_rev"]
    except urllib.error.HTTPError as missing:
        if missing.code != 404:
            raise
    data = json.dumps(document).encode()
    request = urllib.request.Request(url, data=data, headers=headers, method="PUT")
    with opener.open(request, timeout=30) as answer:
        revision: str = json.load(answer)["rev"]
    return revision
