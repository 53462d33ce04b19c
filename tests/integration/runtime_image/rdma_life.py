"""Runs on the RDMA machine: the runtime image with a device, against a memory server of its own.

    rdma_life.py ADDRESS IMAGE DEVICE

Prints one JSON object of what it found; the test judges. Standard library only: the machine has
its distribution's Python.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

BURST = 16
ACTION = """
import hashlib, os, time
import swift_rdma

def main(args):
    data = hashlib.sha256(str(args["n"]).encode()).digest() * 4096
    with swift_rdma.connect(args["peer"]) as peer:
        peer.write(data)
        if "die" in args:
            os.kill(os.getpid(), 9)
        back = peer.read(len(data))
        remote = peer.checksum(len(data))
    return {"back": hashlib.sha256(back).hexdigest(), "remote": remote, "gid": peer.gid}
"""


class Runtime:
    """A client of the runtime's Unix socket."""

    def __init__(self, path: str, proxy: int = 0) -> None:
        self._path = path
        self.proxy = proxy
        """Its process 1 as the machine numbers it: what it tells of itself are its own numbers."""

    def request(self, method: str, path: str, content: object = None) -> dict:
        connection = http.client.HTTPConnection("localhost", timeout=120)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.settimeout(120)
        connection.sock.connect(self._path)
        begin = time.perf_counter()
        connection.request(method, path, None if content is None else json.dumps(content))
        response = connection.getresponse()
        body = json.loads(response.read())
        elapsed_ms = round((time.perf_counter() - begin) * 1000, 1)
        header = json.loads(response.headers.get("X-Swift") or "{}")
        return {"status": response.status, "body": body, "swift": header, "ms": elapsed_ms}

    def request_text(self, path: str) -> str:
        """The body of a GET, as it is."""
        connection = http.client.HTTPConnection("localhost", timeout=120)
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(self._path)
        connection.request("GET", path)
        return connection.getresponse().read().decode()

    def run(self, peer: str, number: int, worker: str, start: str, **more: object) -> dict:
        return self.request(
            "POST",
            "/run",
            {
                "value": {"peer": peer, "n": number, **more},
                "activation_id": f"a-{worker}-{number}",
                "swift": {"worker": worker, "start": start, "timeout_ms": 60000},
            },
        )


def character_device(device: str) -> str:
    """The file by which programs reach the device."""
    for entry in Path("/sys/class/infiniband_verbs").glob("uverbs*"):
        if (entry / "ibdev").read_text().strip() == device:
            return f"/dev/infiniband/{entry.name}"
    raise AssertionError(f"no uverbs file for {device}")


def resources(pid: int) -> dict:
    """How many RDMA objects of each kind the kernel counts as a process's."""
    counts = {}
    for kind in ("pd", "cq", "qp", "mr"):
        listing = subprocess.run(
            ["rdma", "-j", "resource", "show", kind], check=True, capture_output=True, text=True
        )
        counts[kind] = sum(entry.get("pid") == pid for entry in json.loads(listing.stdout))
    return counts


def settles(pid: int, expected: dict) -> bool:
    """Whether the counts come back to ``expected``: the server frees what dead clients had."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if resources(pid) == expected:
            return True
        time.sleep(0.05)
    return False


def wanted(number: int) -> str:
    """The digest of what activation ``number`` writes, computed here."""
    return hashlib.sha256(hashlib.sha256(str(number).encode()).digest() * 4096).hexdigest()


def main() -> None:
    address, image, device = sys.argv[1:]
    uverbs = character_device(device)
    command = [sys.executable, "-m", "swift_rdma.memory_server", "--host", address]
    server = subprocess.Popen(
        [*command, "--port", "0", "--device", device], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    ready = json.loads(server.stdout.readline())
    serving = resources(server.pid)
    with tempfile.TemporaryDirectory(prefix="swift-") as directory:
        name = f"rdma-life-{os.getpid()}"
        subprocess.run(
            ["docker", "run", "--detach", "--name", name, "--network", "host", "--device", uverbs,
             "--ulimit", "memlock=268435456", "--cap-drop", "NET_RAW", "--cap-drop", "NET_ADMIN",
             "--volume", f"{directory}:/run/swift", "--env", "SWIFT_PORT=0",
             "--env", "SWIFT_SOCKET=/run/swift/proxy.sock", "--env", f"SWIFT_RDMA_DEVICE={device}",
             image],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            found = live(directory, f"{address}:{ready['port']}", server.pid, serving)
        finally:
            subprocess.run(["docker", "logs", name], check=True, stdout=sys.stderr)
            subprocess.run(["docker", "rm", "--force", name], check=True, stdout=subprocess.DEVNULL)
    server.terminate()
    found["server_exit"] = server.wait(20)
    print(json.dumps(found))


def live(directory: str, peer: str, server: int, serving: dict) -> dict:
    path = os.path.join(directory, "proxy.sock")
    deadline = time.monotonic() + 60
    while not os.path.exists(path):
        assert time.monotonic() < deadline, "no socket"
        time.sleep(0.01)
    runtime = Runtime(path)
    value = {"name": "x", "main": "main", "binary": False, "code": ACTION, "env": {}}
    swift = {"protocol": 1, "slots": BURST + 4, "worker_memory_mb": 256}
    found: dict = {"init": runtime.request("POST", "/init", {"value": value, "swift": swift})}
    found["forks"] = [runtime.run(peer, number, f"f{number}", "fork") for number in range(3)]
    found["warm"] = [runtime.run(peer, number, "f0", "warm") for number in range(3, 6)]
    found["died"] = runtime.run(peer, 6, "dead", "fork", die=True)
    for worker in ("f0", "f1", "f2"):
        runtime.request("DELETE", f"/workers/{worker}")
    found["freed"] = settles(server, serving)
    with ThreadPoolExecutor(BURST) as pool:
        burst = pool.map(lambda n: runtime.run(peer, n, f"b{n}", "fork"), range(10, 10 + BURST))
        found["burst"] = list(burst)
    for number in range(10, 10 + BURST):
        runtime.request("DELETE", f"/workers/b{number}")
    found["freed_after_burst"] = settles(server, serving)
    found["serving"] = serving
    found["wanted"] = {str(number): wanted(number) for number in range(10 + BURST)}
    return found


if __name__ == "__main__":
    main()
