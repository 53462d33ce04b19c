"""Workers forked ahead: they are taken once, are as pristine as any fork, and harm nobody."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.unit.runtime_image.harness import Runtime, until

WHO = """
    import os
    seen = []
    def main(args):
        seen.append(1)
        return {"pid": os.getpid(), "seen": len(seen), "tmp": os.environ["TMPDIR"]}
"""


def _spare(swift: Runtime, but: int | None = None) -> int:
    """The process id of the one spare, once there is one (that is not ``but``)."""

    def waits() -> int | None:
        pids = [spare["pid"] for spare in swift.state()["spares"]]
        return pids[0] if len(pids) == 1 and pids[0] not in (None, but) else None

    return int(until(waits, "a spare"))


def test_a_fork_start_takes_the_spare_and_another_is_forked(swift: Runtime) -> None:
    assert swift.init(WHO, spares=1).json()["swift"]["spares"] == 1
    pid = _spare(swift)
    first = swift.run("w1")
    assert (first.json()["pid"], first.swift["spare"]) == (pid, True)
    assert first.swift["fork_ms"] >= 0
    assert swift.workers()["w1"]["pid"] == pid
    second = _spare(swift, but=pid)
    answer = swift.run("w2")
    assert (answer.json()["pid"], answer.json()["seen"]) == (second, 1)
    assert answer.json()["tmp"] != first.json()["tmp"]


def test_it_is_a_spare_for_its_first_activation_only(swift: Runtime) -> None:
    swift.init(WHO, spares=1)
    _spare(swift)
    assert swift.run("w1").swift["spare"] is True
    warm = swift.run("w1", start="warm")
    assert (warm.swift["spare"], warm.swift["fork_ms"], warm.json()["seen"]) == (False, None, 2)


def test_without_the_wish_there_is_none(swift: Runtime) -> None:
    assert swift.init(WHO).json()["swift"]["spares"] == 0
    assert swift.run("w1").swift["spare"] is False
    assert swift.state()["spares"] == []


def test_a_burst_gets_a_process_each(swift: Runtime) -> None:
    swift.init(WHO, slots=6, spares=2)
    until(lambda: len(swift.state()["spares"]) == 2, "two spares")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(swift.run, [f"w{number}" for number in range(6)]))
    assert all(answer.status == 200 for answer in answers)
    assert len({answer.json()["pid"] for answer in answers}) == 6
    assert len({answer.swift["slot"] for answer in answers}) == 6
    # where the burst takes long, more of them are forked meanwhile
    assert sum(answer.swift["spare"] for answer in answers) >= 2
    full = swift.run("w7")
    assert (full.status, full.json()["code"]) == (409, "no-free-slot")
    assert swift.state()["spares"] == []


def test_spares_never_make_a_container_full(swift: Runtime) -> None:
    swift.init(WHO, slots=2, spares=2)
    until(lambda: len(swift.state()["spares"]) == 2, "two spares")
    assert swift.run("w1").status == 200
    assert swift.run("w2").status == 200
    assert swift.request("DELETE", "/workers/w1").status == 200
    _spare(swift)
    assert swift.run("w3").swift["spare"] is True


def test_hooks_run_when_it_is_taken(swift: Runtime) -> None:
    swift.init(
        """
        import os
        from swift_runtime import hooks
        @hooks.after_fork
        def note():
            print("taken by", os.getpid())
        def main(args):
            return {"pid": os.getpid()}
        """,
        spares=1,
    )
    pid = _spare(swift)
    assert swift.run("w1", id="one").json()["pid"] == pid
    assert [line["line"] for line in swift.logs("one")] == [f"taken by {pid}"]


def test_one_that_died_waiting_is_replaced(swift: Runtime) -> None:
    swift.init(WHO, spares=1)
    pid = _spare(swift)
    os.kill(pid, signal.SIGKILL)
    until(lambda: all(spare["pid"] != pid for spare in swift.state()["spares"]), "its end")
    assert swift.run("w1").status == 200
    assert _spare(swift, but=pid) != pid


def test_what_it_had_not_begun_runs_in_another(swift: Runtime) -> None:
    """It is stopped, so that the activation is on its way to it when it dies."""
    swift.init(WHO, spares=1)
    pid = _spare(swift)
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(swift.run, "w1")
        until(lambda: "w1" in swift.workers(), "the worker")
        os.kill(pid, signal.SIGKILL)
        answer = running.result()
    assert (answer.status, answer.swift["spare"], answer.swift["exit"]) == (200, False, None)
    assert answer.json()["pid"] != pid
    assert swift.run("w1", start="warm").json()["seen"] == 2


def test_killed_by_name_it_is_not_run_elsewhere(swift: Runtime) -> None:
    swift.init(WHO, spares=1)
    os.kill(_spare(swift), signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(swift.run, "w1")
        until(lambda: "w1" in swift.workers(), "the worker")
        assert swift.request("DELETE", "/workers/w1").json()["exit"]["reason"] == "killed"
        assert running.result().swift["exit"]["reason"] == "killed"


def test_one_that_began_is_never_run_again(swift: Runtime, tmp_path: Path) -> None:
    swift.init(
        """
        import os
        def main(args):
            with open(args["file"], "a") as file:
                file.write("x")
            os._exit(70)
        """,
        spares=1,
    )
    _spare(swift)
    answer = swift.run("w1", {"file": str(tmp_path / "runs")})
    assert (answer.status, answer.swift["exit"]["code"]) == (502, 70)
    assert (tmp_path / "runs").read_text() == "x"


def test_they_end_with_their_template(swift: Runtime) -> None:
    swift.init("import os\ndef main(args): return {'parent': os.getppid()}", spares=1)
    template = swift.run("w1").json()["parent"]
    pid = _spare(swift)
    os.kill(template, signal.SIGKILL)
    until(lambda: not Path(f"/proc/{pid}").exists(), "the spare's end")
    until(lambda: swift.state()["state"] == "failed", "the template's end")
    assert swift.state()["spares"] == []
