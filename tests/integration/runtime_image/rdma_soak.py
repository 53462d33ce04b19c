"""Runs on the RDMA machine: many forks, kills and cold starts, and what they leave behind.

    rdma_soak.py ADDRESS IMAGE DEVICE FORKS KILLS COLD

Prints one JSON object of what it found; the test judges. Standard library only.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rdma_life import Runtime, resources
from rdma_sharing import children, initialise, runtime, settle, template_pid

SLOTS = 4
WARM_UP = 20
"""Forks before the first count: caches of the interpreter and the kernel fill once."""
LOOP = """
import os, time
import swift_rdma

def main(args):
    if args.get("env"):
        return {name: os.environ.get(name) for name in args["env"]}
    rounds = 0
    with swift_rdma.connect(args["peer"]) as peer:
        seen = bytes(peer._buffer.view[:64])
        until = time.monotonic() + args.get("seconds", 0)
        while rounds == 0 or time.monotonic() < until:
            text = os.urandom(64)
            peer.write(text)
            if peer.read(64) != text:
                raise ValueError("read other bytes than were written")
            rounds += 1
    return {"rounds": rounds, "clean": not any(seen), "qp": peer.queue_pair.qp_num}
"""


class Drill:
    """Runs activations of one started runtime, each in a worker of its own."""

    def __init__(self, started: Runtime, peer: str) -> None:
        self._started = started
        self._peer = peer
        self._count = 0

    def name(self) -> str:
        self._count += 1
        return f"w{self._count}"

    def run(self, worker: str, **more: object) -> dict:
        return self._started.run(self._peer, 0, worker, "fork", **more)

    def end(self, worker: str) -> None:
        """Kill it; waits for one whose request is still on its way."""
        deadline = time.monotonic() + 60
        while self._started.request("DELETE", f"/workers/{worker}")["status"] != 200:
            assert time.monotonic() < deadline, worker
            time.sleep(0.01)

    def one(self) -> dict:
        worker = self.name()
        ran = self.run(worker)
        self.end(worker)
        return ran


def held(pids: dict[str, int]) -> dict:
    """What the container's two lasting processes hold: descriptors, private memory, objects."""
    found: dict = {}
    for role, pid in pids.items():
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        dirty = next(line for line in rollup.splitlines() if line.startswith("Private_Dirty"))
        found[f"{role}_fd"] = len(os.listdir(f"/proc/{pid}/fd"))
        found[f"{role}_kb"] = int(dirty.split()[1])
    found["rdma"] = resources(pids["template"])
    found["processes"] = len(children(pids["template"]))
    return found


def settled(pids: dict[str, int], wanted: Callable[[dict], bool]) -> dict:
    """What is held once it is as wanted, or after a while: slots are renewed in idle time."""
    deadline = time.monotonic() + 30
    while not wanted(now := held(pids)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return now


def steady(pids: dict[str, int]) -> dict:
    """What is held once nothing changes any more: all workers reaped, all slots made ready."""
    deadline = time.monotonic() + 30
    last, since = held(pids), time.monotonic()
    while time.monotonic() < deadline and time.monotonic() - since < 1.5:
        time.sleep(0.1)
        now = held(pids)
        if countable(now) != countable(last):
            since = time.monotonic()
        last = now
    return last


def countable(now: dict) -> dict:
    return {name: value for name, value in now.items() if not name.endswith("_kb")}


def forks(started: Runtime, peer: str, count: int) -> dict:
    """``count`` forks in a row, one after the other, in the slots in turn."""
    drill = Drill(started, peer)
    pids = {"template": template_pid(started), "proxy": started.proxy}
    for _ in range(WARM_UP):
        drill.one()
    before = steady(pids)
    ran = [drill.one() for _ in range(count)]
    settle(started)
    after = settled(pids, lambda now: countable(now) == countable(before))
    statuses = [run["status"] for run in ran]
    return {
        "count": count, "before": before, "after": after, "bad": sum(s != 200 for s in statuses),
        "clean": all(run["body"].get("clean") for run in ran), "pids": pids,
        "rungs": sorted({run["swift"]["rdma"] for run in ran}),
    }  # fmt: skip


def kills(started: Runtime, peer: str, count: int, pids: dict[str, int]) -> dict:
    """Workers killed at any moment of posting and polling, beside a sibling that goes on."""
    drill = Drill(started, peer)
    drill._count = 10_000
    chance = random.Random(5)
    before = steady(pids)
    after_kill, siblings, victims = [], [], []
    with ThreadPoolExecutor(4) as pool:
        for _ in range(count):
            sibling, victim = drill.name(), drill.name()
            lasting = pool.submit(drill.run, sibling, seconds=1)
            dying = pool.submit(drill.run, victim, seconds=60)
            time.sleep(chance.uniform(0.05, 0.8))
            drill.end(victim)
            victims.append(dying.result())
            after_kill.append(drill.one())
            siblings.append(lasting.result())
            drill.end(sibling)
    settle(started)
    after = settled(pids, lambda now: countable(now) == countable(before))
    return {
        "count": count, "before": countable(before), "after": countable(after),
        "victims": [run["swift"].get("exit") or run["body"] for run in victims],
        "siblings_wrong": [run["body"] for run in siblings if not run["body"].get("rounds")],
        "next_wrong": [run["body"] for run in after_kill if not run["body"].get("clean")],
    }  # fmt: skip


def cold(image: str, device: str, peer: str, count: int) -> dict:
    """Whole containers, one after the other; what the machine has of each kind before and after."""
    counts = [machine_counts()]
    rungs = set()
    for number in range(count):
        with runtime(image, device, f"cold{number}") as started:
            initialise(started, [peer], slots=1, code=LOOP)
            ran = Drill(started, peer).one()
            assert ran["status"] == 200, ran
            rungs.add(ran["swift"]["rdma"])
        counts.append(machine_counts())
    deadline = time.monotonic() + 30
    while (last := machine_counts()) != counts[0] and time.monotonic() < deadline:
        time.sleep(0.2)
    return {"count": count, "before": counts[0], "after": last, "rungs": sorted(rungs)}


def machine_counts() -> dict:
    """All RDMA objects, whoever's, and all processes of containers' runtimes."""
    listing = subprocess.run(
        ["rdma", "-j", "resource", "show"], check=True, capture_output=True, text=True
    )
    objects = [
        {kind: entry[kind] for kind in ("pd", "cq", "qp", "mr")}
        for entry in json.loads(listing.stdout)
    ]
    runtimes = 0
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            runtimes += b"swift_runtime" in path.read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
    return {"objects": objects, "runtimes": runtimes}


def main() -> None:
    address, image, device = sys.argv[1:4]
    wanted_forks, wanted_kills, wanted_cold = (int(word) for word in sys.argv[4:7])
    command = [sys.executable, "-m", "swift_rdma.memory_server", "--host", address, "--spare", "0"]
    server = subprocess.Popen(
        [*command, "--port", "0", "--device", device], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    peer = f"{address}:{json.loads(server.stdout.readline())['port']}"
    found: dict = {}
    try:
        with runtime(image, device, "soak") as started:
            found["init"] = initialise(started, [peer], slots=SLOTS, code=LOOP)
            names = ["UCX_NET_DEVICES", "UCX_IB_GID_INDEX", "NCCL_IB_HCA", "NCCL_IB_GID_INDEX"]
            found["environment"] = Drill(started, peer).run("env", env=names)["body"]
            Drill(started, peer).end("env")
            found["forks"] = forks(started, peer, wanted_forks)
            found["kills"] = kills(started, peer, wanted_kills, found["forks"]["pids"])
        found["cold"] = cold(image, device, peer, wanted_cold)
    finally:
        server.terminate()
        server.wait(20)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
