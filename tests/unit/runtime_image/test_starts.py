"""Cold, fork and warm starts: what a worker shares with its template and what it does not."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.unit.runtime_image.harness import Runtime, runtime, until

WHO = """
    import os
    loaded = os.getpid()
    def main(args):
        return {"pid": os.getpid(), "template": loaded, "args": args}
"""


def test_a_fork_is_a_new_process_that_did_not_load_the_code_again(swift: Runtime) -> None:
    assert swift.init(WHO).json()["swift"]["forkable"] is True
    first, second = swift.run("w1").json(), swift.run("w2").json()
    assert first["pid"] != second["pid"]
    assert first["template"] == second["template"] not in (first["pid"], second["pid"])


def test_a_warm_start_is_the_same_process(swift: Runtime) -> None:
    swift.init(WHO)
    forked = swift.run("w1", {"n": 1})
    warm = swift.run("w1", {"n": 2}, start="warm")
    assert forked.json()["pid"] == warm.json()["pid"]
    assert warm.json()["args"] == {"n": 2}
    assert forked.swift["fork_ms"] > 0
    assert warm.swift["fork_ms"] is None


def test_state_left_by_an_activation_is_not_in_the_next_fork(swift: Runtime) -> None:
    swift.init("""
        import os
        seen = []
        def main(args):
            seen.append(1)
            os.environ["LEFT"] = os.environ.get("LEFT", "") + "x"
            os.chdir("/")
            return {"seen": len(seen), "left": os.environ["LEFT"]}
    """)
    assert swift.run("w1").json() == {"seen": 1, "left": "x"}
    assert swift.run("w1", start="warm").json() == {"seen": 2, "left": "xx"}
    assert swift.run("w2").json() == {"seen": 1, "left": "x"}


def test_conflicts_say_why_and_run_nothing(swift: Runtime) -> None:
    swift.init("def main(args): return {}", slots=2)
    assert swift.run("w1", start="warm").json()["code"] == "no-such-worker"
    assert swift.run("w1").status == 200
    assert swift.run("w1").json()["code"] == "worker-exists"
    assert swift.run("w2").status == 200
    full = swift.run("w3")
    assert (full.status, full.json()["code"], full.swift) == (409, "no-free-slot", None)
    assert set(swift.workers()) == {"w1", "w2"}


def test_a_busy_worker_refuses_a_second_activation(swift: Runtime, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    swift.init(f"def main(args): return {{'read': open({str(gate)!r}).read()}}")
    with ThreadPoolExecutor() as pool:
        running = pool.submit(swift.run, "w1")
        until(lambda: swift.workers().get("w1", {}).get("state") == "running", "the run")
        assert swift.workers()["w1"]["activation"] == "activation1"
        assert swift.run("w1", start="warm").json()["code"] == "worker-busy"
        gate.write_text("go")
        assert running.result().json() == {"read": "go"}
    assert swift.workers()["w1"]["state"] == "idle"


def test_workers_run_side_by_side(swift: Runtime, tmp_path: Path) -> None:
    """Each waits for all others to have started: it would hang if they ran in turns."""
    swift.init(f"""
        import os, time
        def main(args):
            open(os.path.join({str(tmp_path)!r}, args["me"]), "w").close()
            while len(os.listdir({str(tmp_path)!r})) < 4:
                time.sleep(0.005)
            return args
    """)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda n: swift.run(f"w{n}", {"me": str(n)}), range(4)))
    assert [answer.json() for answer in answers] == [{"me": str(n)} for n in range(4)]
    assert {answer.swift["slot"] for answer in answers} == {0, 1, 2, 3}


def test_slots_are_bounded_by_open_files(swift: Runtime) -> None:
    slots = swift.init("def main(args): return {}", slots=1024).json()["swift"]["slots"]
    assert 1 <= slots <= 1024


def test_a_deleted_worker_leaves_its_slot_and_directory(swift: Runtime) -> None:
    swift.init("import os\ndef main(args): return {'tmp': os.environ['TMPDIR']}", slots=1)
    directory = Path(swift.run("w1").json()["tmp"])
    assert directory.is_dir()
    killed = swift.request("DELETE", "/workers/w1")
    assert killed.json()["exit"]["reason"] == "killed"
    until(lambda: not directory.exists(), "the worker's directory to be removed")
    assert swift.run("w2").swift["slot"] == 0
    assert swift.request("DELETE", "/workers/w1").status == 404


def test_nothing_is_left_after_sigterm() -> None:
    with runtime() as swift:
        swift.init("import os\ndef main(args): return {'tmp': os.environ['TMPDIR']}")
        answer = swift.run("w1")
        pid = swift.workers()["w1"]["pid"]
        directory = Path(answer.json()["tmp"]).parents[1]
        assert directory.is_dir()
    assert swift.process.returncode == 0
    assert not directory.exists()
    until(lambda: not _runs(pid), "the worker to die with its template")


def _runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def test_a_template_with_threads_becomes_the_one_worker(swift: Runtime) -> None:
    answer = swift.init("""
        import os, threading
        threading.Thread(target=threading.Event().wait, daemon=True, name="watcher").start()
        loaded = os.getpid()
        def main(args): return {"same": os.getpid() == loaded}
    """).json()["swift"]
    assert answer["forkable"] is False
    assert answer["slots"] == 1
    assert answer["reason"] == "template has 2 threads after init (watcher)"
    first = swift.run("w1")
    assert (first.json(), first.swift["fork_ms"]) == ({"same": True}, None)
    assert swift.run("w1", start="warm").json() == {"same": True}
    assert swift.run("w2").json()["code"] == "not-forkable"
    killed = swift.request("DELETE", "/workers/w1")
    assert killed.json()["exit"] == {"reason": "killed", "code": None, "signal": 9}
    assert swift.state()["state"] == "failed"
    assert swift.run("w3").json()["code"] == "template-failed"


def test_an_unforkable_template_can_be_used_as_an_ordinary_container(swift: Runtime) -> None:
    """What the invoker does with it: runs without ``swift``, logs from the container's output."""
    swift.init("""
        import threading
        threading.Thread(target=threading.Event().wait, daemon=True).start()
        print("at import")
        def main(args):
            print("in main")
            return args
    """)
    body = {"value": {"x": 1}, "activation_id": "init-activation"}
    answer = swift.request("POST", "/run", body)
    assert (answer.json(), answer.swift) == ({"x": 1}, None)
    assert swift.output().splitlines()[:2] == ["at import", "in main"]


def test_many_forks_leave_nothing_open(swift: Runtime) -> None:
    swift.init("import os\ndef main(args): return {'parent': os.getppid()}")
    template = swift.run("w0").json()["parent"]
    swift.request("DELETE", "/workers/w0")

    def descriptors() -> list[int]:
        return [len(os.listdir(f"/proc/{pid}/fd")) for pid in (swift.process.pid, template)]

    before = descriptors()
    for number in range(1, 40):
        swift.run(f"w{number}")
        swift.request("DELETE", f"/workers/w{number}")
    # `before` may have counted a connection that was still being closed
    until(lambda: all(map(int.__le__, descriptors(), before)), f"at most {before} descriptors")
    assert swift.workers() == {}


def test_an_idle_worker_that_dies_is_gone(swift: Runtime) -> None:
    swift.init("""
        import os, threading
        def main(args):
            if args: threading.Timer(0.01, os._exit, [1]).start()
            return {}
    """)
    swift.run("w1", {"die": True})
    until(lambda: not swift.workers(), "the worker's end to be noticed")
    assert swift.run("w1", start="warm").json()["code"] == "no-such-worker"
    assert swift.run("w2").status == 200
