"""A cold Python process that does what the action does, in the container, without the runtime.

cold_process.py spawn      for each line PEER on the standard input: starts such a process,
                           prints a JSON object of milliseconds, from its exec on
cold_process.py once PEER  is such a process: prints when its first completion was
"""

import json
import sys
import time


def once(peer: str) -> None:
    """The action's work; what a cold process imports, it imports here."""
    import swift_rdma

    with swift_rdma.connect(peer) as connection:
        connection.write(b"x" * 64)
        done_ns = time.monotonic_ns()
    print(json.dumps({"done_ns": done_ns, "phases": swift_rdma.phases.snapshot()}), flush=True)


def spawn() -> None:
    """Start one process after the other, as asked."""
    import subprocess

    for line in sys.stdin:
        command = [sys.executable, "-P", "-s", __file__, "once", line.strip()]
        begin_ns = time.monotonic_ns()
        done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        found = json.loads(done.stdout)
        found["first_completion"] = (found.pop("done_ns") - begin_ns) / 1e6
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    if sys.argv[1] == "spawn":
        spawn()
    else:
        once(sys.argv[2])
