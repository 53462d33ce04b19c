"""What is fresh in each worker, and the hooks around the fork."""

from __future__ import annotations

from pathlib import Path

from tests.unit.runtime_image.harness import Runtime, runtime, until

RANDOM = """
    import os, random, secrets, tempfile, uuid
    random.seed(7)
    uuid.uuid1()
    tempfile.gettempdir()
    def main(args):
        return {
            "random": random.random(),
            "secrets": secrets.token_hex(8),
            "urandom": os.urandom(8).hex(),
            "uuid1": [str(uuid.uuid1()) for _ in range(50)],
            "uuid4": str(uuid.uuid4()),
            "temporary": tempfile.gettempdir(),
            "named": tempfile.NamedTemporaryFile().name,
        }
"""


def test_randomness_and_temporary_directory_are_the_workers_own(swift: Runtime) -> None:
    swift.init(RANDOM)
    first, second = swift.run("w1").json(), swift.run("w2").json()
    for key, value in first.items():
        assert value != second[key], key
    assert not set(first["uuid1"]) & set(second["uuid1"])
    assert first["temporary"].endswith("/workers/w1")


def test_numpy_is_seeded_anew_where_it_is_imported(tmp_path: Path) -> None:
    """With a stand-in for numpy: the runtime itself must not need it."""
    package = tmp_path / "numpy"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "random.py").write_text(
        "state = 7\ndef seed(words):\n global state\n state = words\n"
    )
    with runtime() as swift:
        swift.init(f"""
            import sys
            sys.path.append({str(tmp_path)!r})
            import numpy.random
            def main(args): return {{"state": numpy.random.state}}
        """)
        first, second = swift.run("w1").json()["state"], swift.run("w2").json()["state"]
    assert len(first) == 8
    assert first != second


def test_hooks_run_in_template_and_worker(swift: Runtime) -> None:
    swift.init("""
        import os
        from swift_runtime import hooks
        calls = []
        @hooks.before_fork
        def before(): calls.append(["before", os.getpid()])
        @hooks.after_fork
        def after(): calls.append(["after", os.getpid()])
        def main(args): return {"calls": calls, "pid": os.getpid(), "parent": os.getppid()}
    """)
    answer = swift.run("w1").json()
    assert answer["calls"] == [["before", answer["parent"]], ["after", answer["pid"]]]
    assert swift.run("w1", start="warm").json()["calls"] == answer["calls"]


def test_a_failing_before_fork_hook_refuses_the_fork(swift: Runtime) -> None:
    swift.init("""
        from swift_runtime import hooks
        @hooks.before_fork
        def before(): raise RuntimeError("not now")
        def main(args): return {}
    """)
    answer = swift.run("w1")
    assert (answer.status, answer.swift["exit"]) == (502, None)
    assert answer.json() == {"error": "The worker could not be forked: not now"}
    assert swift.workers() == {}
    assert swift.state()["state"] == "ready"


def test_a_failing_after_fork_hook_fails_the_activation(swift: Runtime) -> None:
    swift.init("""
        from swift_runtime import hooks
        @hooks.after_fork
        def after(): raise RuntimeError("no luck")
        def main(args): return {}
    """)
    answer = swift.run("w1", id="a")
    assert answer.status == 502
    assert answer.json() == {"error": "An after_fork hook failed: no luck"}
    assert any("no luck" in line["line"] for line in swift.logs("a"))


def test_the_environment_of_an_activation(swift: Runtime) -> None:
    swift.init(
        """
        import os
        at_import = {k: v for k, v in os.environ.items() if k.startswith("__OW") or k == "P"}
        def main(args):
            return {"import": at_import, "now": {k: os.environ[k] for k in os.environ
                    if k.startswith("__OW") or k == "P"}}
        """,
        env={"__OW_NAMESPACE": "guest", "P": "ü", "__OW_API_KEY": "key"},
    )
    answer = swift.run("w1", id="a").json()
    assert answer["import"] == {"__OW_NAMESPACE": "guest", "P": "ü", "__OW_API_KEY": "key"}
    assert answer["now"] == {
        "__OW_NAMESPACE": "guest", "P": "ü",
        "__OW_ACTIVATION_ID": "a", "__OW_ACTION_NAME": "/guest/test",
    }  # fmt: skip


def test_a_workers_subprocesses_end_with_it(swift: Runtime) -> None:
    swift.init("""
        import subprocess
        def main(args): return {"pid": subprocess.Popen(["sleep", "1000"]).pid}
    """)
    pid = swift.run("w1").json()["pid"]
    assert Path(f"/proc/{pid}").exists()
    swift.request("DELETE", "/workers/w1")
    until(lambda: not Path(f"/proc/{pid}").exists(), "the subprocess to be killed and reaped")


def test_workers_are_offered_to_the_oom_killer_and_the_template_is_not(swift: Runtime) -> None:
    swift.init("""
        import os
        def main(args):
            return {k: open(f"/proc/{p}/oom_score_adj").read().strip()
                    for k, p in (("worker", "self"), ("template", os.getppid()))}
    """)
    answer = swift.run("w1").json()
    assert answer["worker"] == "1000"
    assert int(answer["template"]) < 1000
