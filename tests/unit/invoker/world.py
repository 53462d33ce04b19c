"""The flow on stubs: a scripted container factory, an action source in memory, acks recorded."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

from invoker_plugin.containers.names import ContainerNames
from invoker_plugin.containers.stub import Answer, StubFactory, echo
from invoker_plugin.errors import ApplicationFault, InvokerError
from invoker_plugin.invoker.acknowledger import Acknowledger
from invoker_plugin.invoker.admission import Admission, AdmissionSettings
from invoker_plugin.invoker.driver import Driver
from invoker_plugin.invoker.finisher import Finisher
from invoker_plugin.invoker.runtimes import Runtimes
from invoker_plugin.invoker.starter import Starter
from invoker_plugin.pool import Pool, PoolSettings
from invoker_plugin.wire import texts
from invoker_plugin.wire.action import Action
from invoker_plugin.wire.activation import ActionReference, ActivationMessage
from invoker_plugin.wire.instance import InvokerInstance
from invoker_plugin.wire.limits import Bounds, SystemLimits
from invoker_plugin.wire.record import ActivationRecord

INSTANCE = InvokerInstance(0, "invoker0", None, 2048 * 1024 * 1024)
LIMIT_BYTES = 1024 * 1024


class Images:
    def image_of(self, kind: str) -> str | None:
        images = {"python:3": "python3", "nodejs:20": "node", "python:3-rdma": "swift-runtime"}
        return images.get(kind)


class Actions:
    """Actions by their full name; unknown ones were deleted."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}

    def add(self, name: str, kind: str = "python:3-rdma", **changes: Any) -> None:
        limits = {"timeout": 60000, "memory": 128, "logs": 10, "concurrency": 1}
        limits.update(changes.pop("limits", {}))
        annotations = [{"key": k, "value": v} for k, v in changes.pop("annotations", {}).items()]
        self.documents[f"guest/{name}"] = {
            "_id": f"guest/{name}",
            "_rev": "1-a",
            "namespace": "guest",
            "name": name,
            "version": "0.0.1",
            "exec": {"kind": kind, "code": "def main(a): return a", "binary": False, **changes},
            "limits": limits,
            "annotations": annotations,
            "parameters": [],
        }

    async def fetch(self, reference: ActionReference, revision: str | None) -> Action:
        document = self.documents.get(reference.fully_qualified)
        if document is None:
            raise ApplicationFault(texts.ACTION_REMOVED)
        return Action.parse(document)


class World:
    """One invoker's flow with everything around it in memory."""

    def __init__(
        self, answer: Answer = echo, protocol: int = 1, memory_mb: int = 4096, **pool: Any
    ) -> None:
        self.acks: list[dict[str, Any]] = []
        self.records: list[ActivationRecord] = []
        self.expected: list[ActivationRecord] = []
        self.blocked: set[str] = set()
        self.fed = 0
        self.actions = Actions()
        self.factory = StubFactory(answer, protocol)
        runtimes = Runtimes(Images())
        limits = SystemLimits(concurrency=Bounds(1, 5, 1))
        self.admission = Admission(
            AdmissionSettings(limits, memory_mb, 16, 1, {}), self.actions, self.blocked, runtimes
        )
        self.acknowledger = Acknowledger(self, INSTANCE, events_topic="events")
        self.finisher = Finisher(self.acknowledger, self)
        starter = Starter(self.factory, ContainerNames(0), runtimes, LIMIT_BYTES)
        self.pool = Pool(PoolSettings(memory_mb, **pool))
        self.driver = Driver(self.pool, starter, self.finisher, self._feed_more, LIMIT_BYTES)
        self._serial = 0

    async def send(self, topic: str, value: bytes) -> None:
        self.acks.append({"topic": topic, **json.loads(value)})

    async def store(self, record: ActivationRecord) -> None:
        self.records.append(record)

    async def expect(self, record: ActivationRecord) -> None:
        self.expected.append(record)

    async def invoke(self, name: str, blocking: bool = True, **changes: Any) -> str:
        """Submit one activation; returns its id."""
        self._serial += 1
        activation_id = f"{self._serial:032x}"
        message = {
            "action": {"path": "guest", "name": name, "version": "0.0.1"},
            "activationId": activation_id,
            "blocking": blocking,
            "content": {"n": self._serial},
            "initArgs": [],
            "lockedArgs": {},
            "revision": "1-a",
            "rootControllerIndex": {"asString": "0", "instanceType": "controller"},
            "transid": ["tid", int(time.time() * 1000)],
            "user": {
                "authkey": {"api_key": "uuid:key"},
                "limits": {},
                "namespace": {"name": "guest", "uuid": "u"},
                "rights": [],
                "subject": "guest",
            },
            **changes,
        }
        await self.submit(message)
        return activation_id

    async def submit(self, message: dict[str, Any]) -> None:
        """Submit a message as it would come from the bus."""
        parsed = ActivationMessage.parse(json.dumps(message).encode())
        try:
            activation = await self.admission.admit(parsed)
        except InvokerError as fault:
            await self.finisher.refuse(parsed, fault)
        else:
            self.driver.submit(activation)

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await asyncio.wait_for(self.driver.idle(), 10)
        await asyncio.wait_for(self.acknowledger.settled(), 10)

    def record(self, activation_id: str) -> ActivationRecord:
        (found,) = [r for r in self.records if r.activation_id == activation_id]
        return found

    def acks_of(self, activation_id: str) -> list[str]:
        """The forms of the acks that the activation got, in order."""
        forms = []
        for ack in self.acks:
            if not ack["topic"].startswith("completed"):
                continue
            response = ack.get("response")
            named = response["activationId"] if isinstance(response, dict) else response
            if activation_id in (named, ack.get("activationId")):
                slot_freed = "instance" in ack
                answered = response is not None
                forms.append(
                    "combined"
                    if slot_freed and answered
                    else "result"
                    if answered
                    else "completion"
                )
        return forms

    def _feed_more(self, count: int) -> None:
        self.fed += count
