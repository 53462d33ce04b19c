"""``python -m devstack demo``, as a user runs it."""

from __future__ import annotations

import re
import subprocess
import sys
from collections import Counter

import pytest

from devstack import demo
from devstack.client import Client
from devstack.paths import REPOSITORY
from devstack.stack import Stack

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker, pytest.mark.rdma]


@pytest.fixture(scope="module")
def output(whole_devstack: Stack) -> str:
    """What the demo printed; it succeeded."""
    done = subprocess.run(
        [sys.executable, "-m", "devstack", "demo"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def test_every_checksum_is_the_one_computed_independently(output: str) -> None:
    assert "18 checksums computed independently: all match" in output


def test_starts_are_cold_then_warm_then_forks(output: str) -> None:
    """One cold start for all; an idle worker is used before one is forked, also one that became
    idle while the burst was still arriving, so not quite all of it are forks."""
    starts = Counter(re.findall(r"^(cold|prewarm|warm|fork)\s.*success", output, re.MULTILINE))
    assert starts["cold"] == 1
    assert starts["fork"] > demo.BURST / 2
    assert starts["warm"] >= 1
    assert starts.total() == 2 + demo.BURST


def test_a_wrong_payload_fails_it(openwhisk: Client, memory_peer: str) -> None:
    """The comparison is not a formality: another seed gives another checksum."""
    invocation = openwhisk.invoke(
        demo.ACTION, {"seed": 1, "bytes": demo.PAYLOAD_BYTES, "peer": memory_peer}
    )
    assert demo.Outcome("one", 1, invocation).fault() is None
    assert "checksum" in (demo.Outcome("one", 2, invocation).fault() or "")
