"""Runs on the RDMA machine: a device is removed and added again while a template lives.

    rdma_hotplug.py IMAGE        makes a soft-RoCE device of its own, rxe7 on dummy7

Prints one JSON object of what it found; the test judges. Standard library only.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from rdma_life import Runtime
from rdma_sharing import initialise, runtime
from rdma_soak import LOOP, Drill

DEVICE, NETDEV, ADDRESS, PORT = "rxe7", "dummy7", "10.0.87.1", 17471


def call(*argv: str, check: bool = True, timeout: float = 120) -> None:
    subprocess.run(argv, check=check, timeout=timeout, capture_output=not check)


def add() -> None:
    call("rdma", "link", "add", DEVICE, "type", "rxe", "netdev", NETDEV)


@contextmanager
def network():
    call("ip", "link", "add", NETDEV, "type", "dummy")
    try:
        call("ip", "address", "add", f"{ADDRESS}/24", "dev", NETDEV)
        call("ip", "link", "set", NETDEV, "up")
        yield
    finally:
        call("rdma", "link", "delete", DEVICE, check=False)
        call("ip", "link", "delete", NETDEV, check=False)


@contextmanager
def memory_server():
    """It holds the device open, so it ends before the device is removed."""
    command = [sys.executable, "-m", "swift_rdma.memory_server", "--host", ADDRESS]
    server = subprocess.Popen(
        [*command, "--port", str(PORT), "--device", DEVICE], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    assert "ready" in server.stdout.readline()
    try:
        yield
    finally:
        server.terminate()
        server.wait(30)


def until_right(drill: Drill) -> list[dict]:
    """Activations until one is right; all of them. The device may still be coming up."""
    ran: list[dict] = []
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        ran.append(drill.one())
        if ran[-1]["status"] == 200:
            break
        time.sleep(0.5)
    return ran


def live(started: Runtime, peer: str) -> dict:
    found: dict = {}
    drill = Drill(started, peer)
    with memory_server():
        found["init"] = initialise(started, [peer], slots=2, code=LOOP)
        found["before"] = drill.one()
    begin = time.monotonic()
    call("rdma", "link", "delete", DEVICE)
    found["removal_s"] = round(time.monotonic() - begin, 1)
    found["away"] = [drill.one() for _ in range(2)]
    add()
    with memory_server():
        found["again"] = until_right(drill)
        found["after"] = [drill.one() for _ in range(3)]
    found["state"] = started.request("GET", "/swift")["body"]
    return found


def main() -> None:
    image = sys.argv[1]
    with network():
        add()
        with runtime(image, DEVICE, "hotplug") as started:
            found = live(started, f"{ADDRESS}:{PORT}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
