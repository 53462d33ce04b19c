"""Runs in a container: for each line on the standard input one measurement, as a JSON object.

``ib_write_lat``, ``ib_write_bw``, ``ib_send_bw``: Debian's perftest, server and client here.
``parent``, ``fork_mode``, ``child``: writes through a queue pair that loops back, one at a time, by
the process that made it (without and with fork mode), and by a forked child of it.

    data_path_driver.py DEVICE GID_INDEX
    data_path_driver.py loop DEVICE WHO      (the second kind, in a process of its own)
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import time

PERFTEST = "/bench/perftest"
FAILED = {"failed": True}
_WRITES, _TURNS = 1000, 20
_PORT = 18700


def perftest(name: str, device: str, gid_index: str, port: int) -> dict[str, float]:
    """Microseconds (a latency) or MiB/s (a bandwidth)."""
    options = ["-d", device, "-x", gid_index, "-F", "-p", str(port)]
    options += ["-n", "2000", "-s", "64"] if name.endswith("_lat") else ["-n", "500", "-s", "65536"]
    command = [f"{PERFTEST}/bin/{name}", *options]
    environment = {**os.environ, "LD_LIBRARY_PATH": f"{PERFTEST}/lib"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):  # the server listens when it is ready: the client tries until then
            client = subprocess.run(
                [*command, "127.0.0.1"], env=environment, capture_output=True, text=True,
                check=False,
            )  # fmt: skip
            if client.returncode == 0:
                break
            if server.poll() is not None:
                raise RuntimeError(f"{name}: the server ended: {client.stderr}")
            time.sleep(0.02)
        else:
            raise RuntimeError(f"{name}: {client.stderr}")
        server.wait(20)
    finally:
        server.kill()
    rows = [line.split() for line in client.stdout.splitlines() if line.strip()]
    row = [row for row in rows if row[0].isdigit()][-1]
    if name.endswith("_lat"):
        return {"minimum_us": float(row[2]), "typical_us": float(row[4])}
    return {"average_mib_s": float(row[3])}


def loop(device: str, who: str) -> None:
    """Print what one process measures."""
    if who != "parent":
        os.environ["RDMAV_SWIFT_FORK"] = "1"  # stock libraries do not know it
    from swift_rdma import probe, resources

    place = resources.open_place(device)
    domain = resources.new_protection_domain(place.context)
    pair = probe.LoopbackPair(place, domain)
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # none is moved while it is timed
    ours, theirs = socket.socketpair()
    child = os.fork() == 0
    if child == (who == "child"):
        theirs.close()
        _report(pair, ours)
    else:
        ours.close()
        while theirs.recv(1):
            theirs.sendall(b".")
    if not child:
        os.wait()
    os._exit(0)


def _report(pair: object, link: socket.socket) -> None:
    try:
        print(json.dumps(_measure(pair, link)), flush=True)
    except Exception as error:  # noqa: BLE001  refused: that is what stock libraries show
        print(json.dumps({**FAILED, "why": str(error)}), flush=True)
    link.close()


def _measure(pair: object, link: socket.socket) -> dict[str, float]:
    """Parent and child take turns, whichever measures: one that has waited is slower for a while,
    on an emulated machine by half, and only the child would have."""
    times = []
    for _ in range(_TURNS):
        link.sendall(b".")
        link.recv(1)
        for _ in range(_WRITES // _TURNS):
            begin = time.perf_counter()
            pair.write()  # type: ignore[attr-defined]
            times.append((time.perf_counter() - begin) * 1e6)
    return {"minimum_us": min(times), "typical_us": statistics.median(times)}


def main() -> None:
    """Answer line by line."""
    if sys.argv[1] == "loop":
        loop(*sys.argv[2:])
        return
    device, gid_index = sys.argv[1:]
    for number, line in enumerate(sys.stdin):
        name = line.strip()
        if name.startswith("ib_"):
            found: object = perftest(name, device, gid_index, _PORT + number)
        else:
            command = [sys.executable, "-P", "-s", __file__, "loop", device, name]
            done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
            found = json.loads(done.stdout)
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main()
