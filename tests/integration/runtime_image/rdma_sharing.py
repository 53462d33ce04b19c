"""Runs on the RDMA machine: workers that use what their template prepared.

    rdma_sharing.py ADDRESS IMAGE DEVICE [RUNS]

IMAGE is a tag, or the directory of an unpacked root file system with the runtime's source at
/opt/swift. Prints one JSON object of what it found; the test judges. Standard library only.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rdma_life import Runtime, character_device, resources

BURST = 8
RUNGS = ("stock", "inherited", "shared", "connected")
ACTION = """
import ctypes, os, signal, time
import swift_rdma
from swift_rdma import resources

def main(args):
    seen = None
    with swift_rdma.connect(args["peer"]) as peer:
        buffer, number = peer._buffer, peer.queue_pair.qp_num
        seen = bytes(buffer.view[:64]).hex()
        peer.write(args["text"].encode().ljust(64))
        done_ns = time.monotonic_ns()
        if args.get("die") == "posted":
            peer._lane.post_receive(buffer)
            for work in range(20):
                v = swift_rdma.verbs.load()
                segment = v.SGE(buffer.address, 64, buffer.local_key)
                request = v.SendWR(wr_id=work + 100, num_sge=1, sg=[segment],
                                   opcode=v.names.IBV_WR_RDMA_WRITE)
                request.set_wr_rdma(peer.remote.remote_key, peer.remote.address)
                peer.queue_pair.post_send(request)
            os.kill(os.getpid(), signal.SIGKILL)
        back = peer.read(64).decode().rstrip()
        if "second" in args:
            with swift_rdma.connect(args["peer"], buffer_bytes=1 << 20) as other:
                other.write(b"second")
                assert other.read(6) == b"second"
                if args.get("die") == "second":
                    os.kill(os.getpid(), signal.SIGKILL)
    return {"back": back, "seen": seen, "done_ns": done_ns, "qp": number}
"""


@contextmanager
def runtime(image: str, device: str, label: str = "", **environment: str):
    """A started runtime, its proxy's pid, and the directory of its socket."""
    directory = tempfile.mkdtemp(prefix="swift-")
    name = f"rdma-sharing-{label}{os.getpid()}"
    variables = {
        "SWIFT_PORT": "0", "SWIFT_SOCKET": f"/run/swift/proxy{label}.sock",
        "SWIFT_RDMA_DEVICE": device, **environment,
    }  # fmt: skip
    if image.startswith("/"):
        os.makedirs(f"{image}/run/swift", exist_ok=True)
        words = [f"{key}={value}" for key, value in variables.items()]
        process = subprocess.Popen(
            ["chroot", image, "/usr/bin/env", "-i", "PATH=/usr/bin:/bin:/usr/sbin",
             "PYTHONPATH=/opt/swift", "PYTHONDONTWRITEBYTECODE=1", "LANG=C.UTF-8", *words,
             "python3", "-P", "-s", "-m", "swift_runtime"], stdout=sys.stderr,
        )  # fmt: skip
        path = f"{image}/run/swift/proxy{label}.sock"
    else:
        options = [word for key, value in variables.items() for word in ("--env", f"{key}={value}")]
        subprocess.run(
            ["docker", "run", "--detach", "--name", name, "--network", "host", "--device",
             character_device(device), "--ulimit", "memlock=268435456", "--cap-drop", "NET_RAW",
             "--cap-drop", "NET_ADMIN", "--volume", f"{directory}:/run/swift", *options, image],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        path = f"{directory}/proxy{label}.sock"
    proxy = process.pid if image.startswith("/") else process_1(name)
    try:
        deadline = time.monotonic() + 60
        while not os.path.exists(path):
            assert time.monotonic() < deadline, "no socket"
            time.sleep(0.005)
        yield Runtime(path, proxy)
    finally:
        if image.startswith("/"):
            process.terminate()
            process.wait(20)
            os.unlink(path)
        else:
            subprocess.run(["docker", "logs", name], check=True, stdout=sys.stderr)
            subprocess.run(["docker", "rm", "--force", name], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(directory, ignore_errors=True)


def initialise(started: Runtime, peers: list[str], slots: int = BURST, code: str = ACTION) -> dict:
    value = {"name": "x", "main": "main", "binary": False, "code": code, "env": {}}
    swift = {"protocol": 1, "slots": slots, "rdma": True, "peers": peers}
    answer = started.request("POST", "/init", {"value": value, "swift": swift})
    assert answer["status"] == 200, answer
    return answer["body"]["swift"]


class Forks:
    """Runs activations in one runtime and keeps count of workers."""

    def __init__(self, started: Runtime, peer: str) -> None:
        self._runtime = started
        self._peer = peer
        self._count = 0

    def fork(self, end: bool = True, **more: object) -> dict:
        self._count += 1
        worker, text = f"w{self._count}", f"text of {self._count}"
        begin_ns = time.monotonic_ns()
        run = self._runtime.run(self._peer, self._count, worker, "fork", text=text, **more)
        if run["status"] == 200:
            run["right"] = run["body"]["back"] == text
            run["first_ms"] = round((run["body"]["done_ns"] - begin_ns) / 1e6, 3)
            run["started_to_first_ms"] = round(run["first_ms"] - run["swift"]["fork_ms"], 3)
        elif "die" not in more:
            logs = self._runtime.request_text(f"/activations/a-{worker}-{self._count}/logs")
            raise AssertionError(f"{run} {logs}")
        run["worker"] = worker
        if end and "die" not in more:
            self.end(run)
        return run

    def warm(self, run: dict) -> dict:
        self._count += 1
        return self._runtime.run(self._peer, self._count, run["worker"], "warm", text="warm")

    def end(self, run: dict) -> None:
        self._runtime.request("DELETE", f"/workers/{run['worker']}")


def settle(started: Runtime) -> None:
    """Let the template do its work for later forks: it answers nothing meanwhile."""
    time.sleep(0.3)  # not a wait for an event: the state that is measured is "idle for a while"


def process_1(container: str) -> int:
    """The number by which the machine knows it."""
    command = ["docker", "inspect", "--format", "{{.State.Pid}}", container]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def template_pid(started: Runtime) -> int:
    """The one child of the proxy; it holds the device, and the workers are its children."""
    [template] = children(started.proxy)
    return template


def children(pid: int) -> list[int]:
    """Living ones, and dead ones that nobody has reaped."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                status = (entry / "stat").read_text()
            except (FileNotFoundError, ProcessLookupError):
                continue
            if int(status.rpartition(")")[2].split()[1]) == pid:
                found.append(int(entry.name))
    return found


def functional(image: str, device: str, peer: str) -> dict:
    """What must hold, on the best rung."""
    found: dict = {}
    with runtime(image, device) as started:
        begin = time.perf_counter()
        found["init"] = initialise(started, [peer])
        found["init_ms"] = round((time.perf_counter() - begin) * 1000, 1)
        forks = Forks(started, peer)
        first = forks.fork(end=False)
        found["first"], found["warm"] = first, forks.warm(first)
        forks.end(first)
        found["again"] = forks.fork()
        found["second"] = forks.fork(second=True)
        found["died"] = forks.fork(die="posted")
        found["after_death"] = [forks.fork() for _ in range(3)]
        found["undeclared"] = Forks(started, peer + "/named")
        found["undeclared"]._count = 500
        found["undeclared"] = found["undeclared"].fork()
        settle(started)
        with ThreadPoolExecutor(BURST) as pool:
            burst = list(pool.map(lambda _: forks_burst(started, peer, _), range(BURST)))
        found["burst"] = burst
        for run in burst:
            started.request("DELETE", f"/workers/{run['worker']}")
        found["leaks"] = leaks(started, forks)
    return found


def forks_burst(started: Runtime, peer: str, number: int) -> dict:
    forks = Forks(started, peer)
    forks._count = 1000 + number
    return forks.fork(end=False)


def leaks(started: Runtime, forks: Forks) -> dict:
    """The kernel's count of objects before and after many ends of each kind."""

    run = forks.fork(end=False)
    pid = template_pid(started)
    forks.end(run)

    def counts() -> dict:
        return {**resources(pid), "fd": len(os.listdir(f"/proc/{pid}/fd"))}

    def counted() -> dict:
        """As many as before, as soon as the template has renewed its slots; else what there is."""
        deadline = time.monotonic() + 20
        while (now := counts()) != before and time.monotonic() < deadline:
            time.sleep(0.05)
        return now

    settle(started)
    before = counts()
    for number in range(20):
        forks.fork(**({"die": "posted"} if number % 2 else {}))
    after = counted()
    forks.fork(second=True, die="second")
    return {"before": before, "after": after, "after_own": counted()}


def timed(image: str, device: str, peer: str, runs: int) -> dict:
    """Fork to first completion by rung: a runtime for each, forked in turn."""
    samples: dict = {rung: [] for rung in RUNGS}
    with ExitStack() as stack:
        forks = {}
        for rung in RUNGS:
            started = stack.enter_context(runtime(image, device, rung, SWIFT_RDMA_RUNG=rung))
            initialise(started, [peer] if rung == "connected" else [], slots=2)
            forks[rung] = Forks(started, peer)
        for number in range(runs + 2):
            for rung in RUNGS:
                settle(started)
                run = forks[rung].fork()
                if number >= 2:
                    samples[rung].append(
                        {"request_to_first_ms": run["first_ms"],
                         "worker_to_first_ms": run["started_to_first_ms"],
                         "rung": run["swift"]["rdma"], **run["swift"]["phases"]}
                    )  # fmt: skip
    return samples


def main() -> None:
    address, image, device = sys.argv[1:4]
    runs = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    command = [sys.executable, "-m", "swift_rdma.memory_server", "--host", address, "--spare", "12"]
    server = subprocess.Popen(
        [*command, "--port", "0", "--device", device], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline())
    peer = f"{address}:{ready['port']}"
    serving = resources(server.pid)
    try:
        found = functional(image, device, peer)
        if runs:
            found["timed"] = timed(image, device, peer, runs)
        found["serving"], found["served"] = serving, resources(server.pid)
    finally:
        server.terminate()
        server.wait(20)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
