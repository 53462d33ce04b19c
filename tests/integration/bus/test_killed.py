"""A process killed at any moment: nothing runs twice, nothing that was not handed over is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.integration.bus.handing_over import CAPACITY

pytestmark = pytest.mark.kafka

PROCESS = Path(__file__).with_name("handing_over.py")
ROOT = Path(__file__).resolve().parents[3]
MESSAGES = 2_000
KILLS = 3
DEADLINE_S = 120.0


def noted(directory: Path) -> list[int]:
    """The numbers of the messages that were begun, in order."""
    notes = directory / "notes"
    return [int(line) for line in notes.read_bytes().split()] if notes.exists() else []


def until_noted(directory: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + DEADLINE_S
    while len(noted(directory)) < count:
        assert process.poll() is None, "the process ended by itself"
        assert time.monotonic() < deadline_s, f"{len(noted(directory))} of {count} were begun"
        time.sleep(0.005)


def test_killed_again_and_again_it_runs_nothing_twice_and_loses_only_what_it_was_handing_over(
    kafka_hosts: str, topic: str, tmp_path: Path
) -> None:
    settings = {"bootstrap.servers": kafka_hosts}
    admin = AdminClient(settings)
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    producer = Producer(settings)
    for number in range(MESSAGES):
        producer.produce(topic, b"%d" % number)
    assert producer.flush(60) == 0
    command = [sys.executable, str(PROCESS), kafka_hosts, topic, str(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT)}
    for kill in range(KILLS + 1):
        process = subprocess.Popen(command, env=environment)
        try:
            if kill < KILLS:
                until_noted(tmp_path, (kill + 1) * MESSAGES // (KILLS + 2), process)
            else:
                # The last one has no more to wait for than the very last message.
                deadline_s = time.monotonic() + DEADLINE_S
                while noted(tmp_path)[-1] != MESSAGES - 1:
                    assert time.monotonic() < deadline_s, "the last message never came"
                    time.sleep(0.02)
        finally:
            process.kill()
            process.wait()
    begun = noted(tmp_path)
    assert begun == sorted(set(begun)), "one ran twice, or out of order"
    # In the journal, and killed before its handler's first step: no more than was handed over.
    assert len(begun) >= MESSAGES - KILLS * CAPACITY
