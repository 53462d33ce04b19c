"""OpenWhisk's own container contract (behaviour 156), as a stock invoker uses it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.runtime_image.harness import Runtime, runtime, zipped

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"


def _run(swift: Runtime, value: Any = None) -> Any:
    return swift.request("POST", "/run", {"value": value, "activation_id": "a"})


def test_init_then_run_with_sentinels_in_the_containers_output(swift: Runtime) -> None:
    assert swift.stock_init("""
        import sys
        print("imported")
        def main(args):
            print("out"); print("err", file=sys.stderr); print("no newline", end="")
            return args
    """).json() == {"ok": True}
    answer = _run(swift, {"x": "ü"})
    assert (answer.status, answer.json(), answer.swift) == (200, {"x": "ü"}, None)
    lines = swift.output().splitlines()
    assert sorted(lines) == sorted(["imported", "out", "err", "no newline", SENTINEL, SENTINEL])
    assert lines.index("imported") < lines.index("out")
    _run(swift, {})
    assert swift.output().splitlines().count(SENTINEL) == 4


def test_one_worker_is_used_again(swift: Runtime) -> None:
    swift.stock_init("n = 0\ndef main(args):\n    global n\n    n += 1\n    return {'n': n}\n")
    assert [_run(swift).json() for _ in range(3)] == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_a_second_init_is_refused(swift: Runtime) -> None:
    swift.stock_init("def main(args): return {}")
    again = swift.stock_init("def main(args): return {'no': 1}")
    assert again.status == 403
    assert again.json() == {"error": "Cannot initialize the action more than once."}
    assert _run(swift).json() == {}


@pytest.mark.parametrize("value", [{}, {"code": ""}, {"code": None}, {"main": "main"}])
def test_init_without_code_is_refused_and_may_be_repeated(
    swift: Runtime, value: dict[str, Any]
) -> None:
    answer = swift.request("POST", "/init", {"value": value})
    assert (answer.status, answer.json()["error"]) == (403, "Missing main/no code to execute.")
    assert swift.stock_init("def main(args): return {}").status == 200


def test_run_before_init(swift: Runtime) -> None:
    assert _run(swift).status == 500


@pytest.fixture(scope="module")
def evaluating() -> Iterator[Runtime]:
    """An action that returns what the text it is given evaluates to."""
    with runtime() as swift:
        swift.stock_init("def main(args): return eval(args['result'])")
        yield swift


@pytest.mark.parametrize("result", ["'text'", "5", "None", "True", "(1, 2)", "{1}"])
def test_a_result_that_is_no_object(evaluating: Runtime, result: str) -> None:
    answer = _run(evaluating, {"result": result})
    assert answer.status == 502
    assert answer.json() == {"error": "The action did not return a dictionary or array."}


@pytest.mark.parametrize("result", ["{'a': {1, 2}}", "{'a': float('nan')}", "{'a': b'x'}"])
def test_a_result_that_is_no_json(evaluating: Runtime, result: str) -> None:
    answer = _run(evaluating, {"result": result})
    assert answer.status == 502
    assert answer.json()["error"].startswith("The action's result can't be written as JSON: ")


def test_arrays_as_parameters_and_results(swift: Runtime) -> None:
    swift.stock_init("def main(args): return args + [{'b': 2}]")
    assert _run(swift, [1]).json() == [1, {"b": 2}]


def test_the_users_error_result_is_a_200(swift: Runtime) -> None:
    swift.stock_init("def main(args): return {'error': {'code': 7}}")
    answer = _run(swift)
    assert (answer.status, answer.json()) == (200, {"error": {"code": 7}})


def test_the_size_of_a_result_is_that_of_stock_runtimes(swift: Runtime) -> None:
    """Captured: {"got": {"x": 1}} in 17 bytes; records carry this size."""
    swift.stock_init("def main(args): return {'got': args}")
    assert len(_run(swift, {"x": 1}).body) == 17


def test_another_entry_point(swift: Runtime) -> None:
    assert swift.stock_init("def go(args): return {'went': 1}", main="go").status == 200
    assert _run(swift).json() == {"went": 1}


def test_unicode_and_lone_surrogates(swift: Runtime) -> None:
    swift.stock_init("def main(args):\n print('ä ☃')\n return {'s': '\\ud800', 'u': '☃', **args}")
    answer = _run(swift, {"日": "本"})
    assert answer.json() == {"s": "\ud800", "u": "☃", "日": "本"}
    assert "ä ☃" in swift.output()


def test_large_input_and_output(swift: Runtime) -> None:
    swift.stock_init("def main(args): return {'n': len(args['p']), 'p': args['p']}")
    answer = _run(swift, {"p": "z" * 3_000_000})
    assert (answer.json()["n"], len(answer.json()["p"])) == (3_000_000, 3_000_000)


def test_a_zip_with_helper_data_and_virtualenv(swift: Runtime) -> None:
    code = zipped(
        {
            "__main__.py": "import helper, packed\ndef main(args):\n"
            "    return {'h': helper.v, 'p': packed.v, 'd': open('data.txt').read()}\n",
            "helper.py": "v = 42\n",
            "data.txt": "beside",
            "virtualenv/lib/python3.99/site-packages/packed.py": "v = 'from virtualenv'\n",
        }
    )
    assert swift.init(code, binary=True).status == 200
    assert swift.run("w1").json() == {"h": 42, "p": "from virtualenv", "d": "beside"}


@pytest.mark.parametrize(
    ("code", "binary", "main", "text"),
    [
        ("def main(a:\n  return {}\n", False, "main", "SyntaxError"),
        ("import nowhere", False, "main", "No module named 'nowhere'"),
        ("x = 1", False, "main", "no function 'main'"),
        ("main = 3", False, "main", "'main' in the code is not a function"),
        ("raise ValueError('at import')", False, "main", "at import"),
        ("import sys; sys.exit(5)", False, "main", "sys.exit(5)"),
        ("import os; os._exit(5)", False, "main", "template exited with status 5"),
        ("not base64 !", True, "main", "no base64 zip"),
        ("aGVsbG8=", True, "main", "no base64 zip"),
        (zipped({"other.py": ""}), True, "main", "no __main__.py"),
    ],
)
def test_code_that_can_not_be_loaded(
    swift: Runtime, code: str, binary: bool, main: str, text: str
) -> None:
    answer = swift.init(code, binary=binary, main=main)
    assert answer.status == 502
    assert text in answer.json()["error"]
    again = swift.init("def main(args): return {}")
    assert (again.status, again.json()) == (502, answer.json())
    assert swift.run("w1").json()["code"] == "template-failed"


def test_the_traceback_of_a_failed_import_is_in_the_logs(swift: Runtime) -> None:
    answer = swift.init("print('so far')\nraise ValueError('at import')", slots=1)
    lines = [line["line"] for line in swift.logs("init-activation")]
    assert answer.swift["log_lines"] == len(lines)
    assert lines[0] == "so far"
    assert lines[-1] == "ValueError: at import"


def test_it_listens_on_tcp_too() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with runtime(SWIFT_PORT=str(port)) as swift:
        swift.stock_init("def main(args): return args")
        with socket.create_connection(("127.0.0.1", port), 10) as stream:
            body = json.dumps({"value": {"x": 1}}).encode()
            head = f"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
            stream.sendall(f"{head}Connection: close\r\n\r\n".encode() + body)
            answer = b"".join(iter(lambda: stream.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b'{"x": 1}')
