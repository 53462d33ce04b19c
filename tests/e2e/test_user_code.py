"""What users' code can do to a runtime, on the whole stack: each ends in the right response and
record, and the next activation of the same container's kind works."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from devstack.client import Client, Invocation
from devstack.manifest import RDMA_KIND
from invoker_plugin.wire import texts

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker, pytest.mark.rdma]

PLAIN_KIND = "python:3"
TIMEOUT_MS = 60_000
"""Cold starts on a busy emulated machine take tens of seconds, within the limit of ``/init``."""
LOOP_TIMEOUT_MS = 30_000


@dataclass(frozen=True)
class Misdeed:
    """One way to end badly; ``code`` misbehaves when it is given ``{"bad": true}``."""

    name: str
    statement: str
    error: str | None
    """What the error's text contains; ``None`` for a success."""
    timeout_ms: int = TIMEOUT_MS

    @property
    def code(self) -> str:
        return (
            "import ctypes, os, sys\n"
            "def main(args):\n"
            "    print('begin')\n"
            "    if args.get('bad'):\n"
            f"        {self.statement}\n"
            "    return {'fine': True}\n"
        )


MISDEEDS = [
    Misdeed("exception", "raise ValueError('boom')", "boom"),
    Misdeed("sys-exit", "sys.exit(3)", ""),
    Misdeed("os-exit", "os._exit(4)", texts.ABNORMAL_RUN),
    Misdeed("segfault", "ctypes.string_at(0)", texts.ABNORMAL_RUN),
    Misdeed("memory", "hog = [bytearray(8 << 20) for _ in range(256)]", texts.MEMORY_EXHAUSTED),
    Misdeed("ten-megabytes", "print('\\n'.join(['x' * 1023] * 10240))", None),
    Misdeed("no-dictionary", "return 5", "dictionary"),
    Misdeed("large-result", "return {'r': 'a' * (2 << 20)}", "exceeded the allowed length"),
]


@pytest.mark.parametrize("misdeed", MISDEEDS, ids=[misdeed.name for misdeed in MISDEEDS])
def test_misdeed_in_a_worker_is_answered_and_leaves_the_template(
    openwhisk: Client, misdeed: Misdeed
) -> None:
    name = f"user-{misdeed.name}"
    _create(openwhisk, name, RDMA_KIND, misdeed.code)
    good = openwhisk.invoke(name, {})
    assert good.success, good
    bad = openwhisk.invoke(name, {"bad": True})
    _check(misdeed, bad)
    after = openwhisk.invoke(name, {})
    assert after.result == {"fine": True}
    start = _swift(openwhisk, after)["start"]
    assert start in ("warm", "fork"), "the template lived on"


def test_endless_loop_ends_at_its_limit_and_the_next_one_is_a_fork(openwhisk: Client) -> None:
    code = Misdeed("", "while True: pass", None).code
    _create(openwhisk, "user-loop", RDMA_KIND, code, timeout_ms=LOOP_TIMEOUT_MS)
    assert openwhisk.invoke("user-loop", {}).success
    bad = openwhisk.invoke("user-loop", {"bad": True})
    assert bad.result == {"error": texts.time_limit_exceeded(LOOP_TIMEOUT_MS)}
    record = openwhisk.record(bad.activation_id)
    assert _annotation(record, "timeout") is True
    # Stock answers about 12 s after the limit; here the limit itself is most of the duration.
    assert record["duration"] < LOOP_TIMEOUT_MS * 1.5
    after = openwhisk.invoke("user-loop", {})
    assert after.success
    assert _swift(openwhisk, after)["start"] == "fork"


@pytest.mark.parametrize("name", ["exception", "os-exit", "memory", "no-dictionary"])
def test_misdeed_in_an_image_without_forks(openwhisk: Client, name: str) -> None:
    (misdeed,) = [one for one in MISDEEDS if one.name == name]
    _create(openwhisk, f"plain-{name}", PLAIN_KIND, misdeed.code)
    bad = openwhisk.invoke(f"plain-{name}", {"bad": True})
    _check(misdeed, bad)
    after = openwhisk.invoke(f"plain-{name}", {})
    assert after.result == {"fine": True}
    assert _swift(openwhisk, after)["start"] == "cold", "a developer error costs the container"
    warm = openwhisk.invoke(f"plain-{name}", {})
    assert _swift(openwhisk, warm)["start"] == "warm"


def test_code_that_does_not_load_is_a_developer_error(openwhisk: Client) -> None:
    _create(openwhisk, "user-syntax", RDMA_KIND, "def main(args:\n")
    bad = openwhisk.invoke("user-syntax", {})
    assert not bad.success
    record = openwhisk.record(bad.activation_id)
    assert record["response"]["status"] == "action developer error"
    assert any("SyntaxError" in line for line in record["logs"])


def test_unknown_kind_of_failure_never_loses_the_logs_of_siblings(openwhisk: Client) -> None:
    """Two activations at once in one container keep their lines apart."""
    code = "import time\ndef main(args):\n    for i in range(20):\n        print(args['who'], i)\n"
    code += "        time.sleep(0.01)\n    return {}\n"
    _create(openwhisk, "user-logs", RDMA_KIND, code)
    openwhisk.invoke("user-logs", {"who": "first"})
    both = openwhisk.invoke_together("user-logs", [{"who": "ann"}, {"who": "bob"}])
    for who, invocation in zip(("ann", "bob"), both, strict=True):
        lines = openwhisk.record(invocation.activation_id)["logs"]
        assert [line.split(" stdout: ")[1] for line in lines] == [f"{who} {i}" for i in range(20)]


def _create(client: Client, name: str, kind: str, code: str, timeout_ms: int = TIMEOUT_MS) -> None:
    limits = {"timeout": timeout_ms, "memory": 128, "logs": 1}
    client.put_action(name, kind, code, limits=limits, annotations={})


def _check(misdeed: Misdeed, invocation: Invocation) -> None:
    if misdeed.error is None:
        assert invocation.success, invocation
        return
    assert not invocation.success
    assert isinstance(invocation.result, dict)
    assert misdeed.error in str(invocation.result["error"])


def _swift(client: Client, invocation: Invocation) -> dict[str, object]:
    value = _annotation(client.record(invocation.activation_id), "swift")
    assert isinstance(value, dict)
    return value


def _annotation(record: dict[str, object], key: str) -> object:
    annotations = record["annotations"]
    assert isinstance(annotations, list)
    return next((item["value"] for item in annotations if item["key"] == key), None)
