"""Every limit of an action, from a controller's API to a container's end (behaviours 148, 149)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import docker
import pytest

from invoker_plugin.wire import texts
from tests.integration.deployment.conftest import PLAIN_PYTHON
from tests.integration.deployment.running import Deployment, annotation
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]

MIB = 1024 * 1024
SLEEP = "import time\ndef main(args):\n  time.sleep(args.get('s', 0))\n  return {'slept': True}"
SLOW_INIT = "import time\ntime.sleep(60)\ndef main(args): return args"
HOG = "def main(args): return {'size': len(bytearray(args['mb'] << 20))}"
LOUD = """
def main(args):
    for number in range(args["kb"]):
        print(str(number).rjust(1023))
    return {"printed": args["kb"]}
"""
ENDLESS = """
def main(args):
    while True:
        print("x" * 1000)
"""
LARGE = "def main(args): return {'text': 'x' * args['bytes']}"
SIZE = "def main(args): return {'bytes': len(args['text'])}"
FILES = """
def main(args):
    files = [open("/dev/null") for _ in range(args["count"])]
    return {"opened": len(files)}
"""
TOGETHER = """
let running = 0, most = 0, waiting = []
function main(args) {
  running += 1
  most = Math.max(most, running)
  return new Promise((resolve, reject) => {
    waiting.push(() => {
      running -= 1
      if (args.fail) reject(new Error('as told')); else resolve({pid: process.pid, most: most})
    })
    if (running === args.together) { waiting.forEach(go => go()); waiting = [] }
  })
}
"""


def _error(record: dict[str, object]) -> str:
    response = record["response"]
    assert isinstance(response, dict)
    error: str = response["result"]["error"]
    return error


def _gone(deployment: Deployment, action: str) -> bool:
    held = deployment.invoker.state()["containers"]
    return not any(str(one.get("action", "")).endswith(f"/{action}") for one in held)


def test_over_time_it_is_ended_and_its_container_too(deployment: Deployment) -> None:
    deployment.create("slow", SLEEP, limits={"timeout": 1000})
    status, answer = deployment.blocking("slow", s=60)
    assert status == 502
    assert _error(answer) == texts.time_limit_exceeded(1000)
    record = deployment.record(answer["activationId"])
    assert record["response"]["status"] == "action developer error"
    assert annotation(record, "timeout") is True
    eventually(lambda: _gone(deployment, "slow"), "the end of its container")
    within = deployment.invoke("slow", s=0)
    assert within["response"]["result"] == {"slept": True}
    assert annotation(within, "timeout") is False


def test_over_time_at_init_says_so(deployment: Deployment) -> None:
    deployment.create("slow-init", SLOW_INIT, limits={"timeout": 1000})
    record = deployment.invoke("slow-init")
    assert _error(record) == texts.time_limit_exceeded(1000, during_init=True)
    assert record["response"]["status"] == "action developer error"
    assert annotation(record, "initTime") >= 1000


@pytest.fixture(scope="module")
def tells_of_memory(runtimes: str) -> bool:
    """Whether this Docker says of a container that the kernel ended it for its memory.

    One whose host has some hierarchies of cgroups without the others does not, and then nobody
    can know it.
    """
    engine = docker.DockerClient(base_url=runtimes, version="auto")
    hog = ["-c", "bytearray(512 << 20)"]
    limit = {"mem_limit": "64m", "memswap_limit": "64m"}
    made = engine.containers.run(
        PLAIN_PYTHON, hog, entrypoint="/usr/bin/python3", detach=True, **limit
    )
    try:
        assert made.wait(timeout=60)["StatusCode"] == 137
        made.reload()
        return bool(made.attrs["State"]["OOMKilled"])
    finally:
        made.remove(force=True)


def test_over_memory_it_is_killed_and_told_why(
    deployment: Deployment, tells_of_memory: bool
) -> None:
    deployment.create("hog", HOG, limits={"memory": 128})
    record = deployment.invoke("hog", mb=512)
    assert _error(record) == (texts.MEMORY_EXHAUSTED if tells_of_memory else texts.ABNORMAL_RUN)
    assert record["response"]["status"] == "action developer error"
    assert deployment.invoke("hog", mb=8)["response"]["result"] == {"size": 8 * MIB}


def test_over_the_log_limit_it_succeeds_with_cut_logs(deployment: Deployment) -> None:
    deployment.create("loud", LOUD, limits={"logs": 1})
    record = deployment.invoke("loud", kb=2048)
    assert record["response"]["result"] == {"printed": 2048}
    *lines, notice = record["logs"]
    assert "Logs were truncated because the total bytes size exceeds the limit of 1048576" in notice
    kept = sum(len(line) for line in lines)
    assert MIB / 2 < kept < 2 * MIB
    within = deployment.invoke("loud", kb=100)
    assert len(within["logs"]) == 100


def test_without_logs_none_are_kept(deployment: Deployment) -> None:
    deployment.create("mute", LOUD, limits={"logs": 0})
    record = deployment.invoke("mute", kb=3)
    assert (record["response"]["result"], record["logs"]) == ({"printed": 3}, [])


def test_heavy_logger_is_ended_by_its_time_limit(deployment: Deployment) -> None:
    deployment.create("endless", ENDLESS, limits={"timeout": 2000, "logs": 1})
    record = deployment.invoke("endless")
    assert _error(record) == texts.time_limit_exceeded(2000)
    assert 0 < sum(len(line) for line in record["logs"]) < 2 * MIB


def test_over_the_result_limit_it_is_cut_and_told(deployment: Deployment) -> None:
    deployment.create("large", LARGE)
    status, answer = deployment.blocking("large", bytes=MIB + 1000)
    assert status == 502
    assert "truncated" in _error(answer)
    assert len(_error(answer)) < MIB + 1000
    record = deployment.record(answer["activationId"])
    assert record["response"]["status"] == "application error"
    assert not _gone(deployment, "large"), "a result that was cut costs no container"
    status, whole = deployment.blocking("large", bytes=MIB - 1000)
    assert (status, len(whole["response"]["result"]["text"])) == (200, MIB - 1000)


def test_a_payload_of_almost_a_mebibyte_arrives(deployment: Deployment) -> None:
    deployment.create("size", SIZE)
    length = MIB - 2000
    status, answer = deployment.blocking("size", text="x" * length)
    assert (status, answer["response"]["result"]) == (200, {"bytes": length})


def test_over_the_limit_of_files_the_action_fails(deployment: Deployment) -> None:
    deployment.create("files", FILES)
    assert "Too many open files" in _error(deployment.invoke("files", count=2000))
    assert deployment.invoke("files", count=500)["response"]["result"] == {"opened": 500}


def test_concurrent_activations_share_a_container_up_to_their_limit(
    deployment: Deployment,
) -> None:
    deployment.create("together", TOGETHER, "nodejs:20", limits={"concurrency": 4})
    deployment.blocking("together", together=1)
    with ThreadPoolExecutor(4) as pool:
        calls = [pool.submit(deployment.blocking, "together", together=4) for _ in range(4)]
        results = [call.result()[1]["response"]["result"] for call in calls]
    assert len({result["pid"] for result in results}) == 1
    assert {result["most"] for result in results} == {4}


def test_failure_of_one_lets_the_others_of_its_container_finish(deployment: Deployment) -> None:
    deployment.create("mixed", TOGETHER, "nodejs:20", limits={"concurrency": 3})
    deployment.blocking("mixed", together=1)
    with ThreadPoolExecutor(3) as pool:
        calls = [
            pool.submit(deployment.blocking, "mixed", together=3, fail=number == 1)
            for number in range(3)
        ]
        statuses = sorted(call.result()[0] for call in calls)
    assert statuses == [200, 200, 502]
