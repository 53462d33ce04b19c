"""The broker's ``server.properties``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Listeners:
    """The broker's ports, all on loopback, and how the machine reaches the second of them.

    Clients are sent on to the address that a listener advertises, so those in the RDMA machine,
    for whom this host has another address, need a listener of their own.
    """

    host_port: int
    machine_port: int
    controller_port: int
    machine_host: str


def properties(listeners: Listeners, data: Path) -> str:
    """The configuration of a one-node KRaft cluster that keeps its data in ``data``."""
    names = {"HOST": listeners.host_port, "MACHINE": listeners.machine_port}
    bound = {**names, "CONTROLLER": listeners.controller_port}
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{listeners.controller_port}",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "HOST",
        "listeners": ",".join(f"{name}://127.0.0.1:{port}" for name, port in bound.items()),
        "advertised.listeners": (
            f"HOST://127.0.0.1:{listeners.host_port},"
            f"MACHINE://{listeners.machine_host}:{listeners.machine_port}"
        ),
        "listener.security.protocol.map": ",".join(f"{name}:PLAINTEXT" for name in bound),
        "log.dirs": data,
        # As in an OpenWhisk deployment with automatic creation off: who needs a topic makes it.
        "auto.create.topics.enable": "false",
        "num.partitions": 1,
        # One node: what Kafka keeps for itself cannot be replicated.
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.min.isr": 1,
        # A group's first consumer gets its partitions at once, not after 3 s.
        "group.initial.rebalance.delay.ms": 0,
        "num.network.threads": 2,
        "num.io.threads": 2,
        "log.cleaner.dedupe.buffer.size": 4 * 1024 * 1024,
        "log.segment.bytes": 64 * 1024 * 1024,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())
