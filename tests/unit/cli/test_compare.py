"""The command: what it prints, from a fake API, and how it ends when it cannot."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from invoker_plugin.cli import compare
from invoker_plugin.cli.compare_source import Api, Query, SourceFault, newest, read_wskprops
from tests.unit.cli.records import stock_record, swift_record


class _Activations(BaseHTTPRequestHandler):
    """The API's list and get over records held by name of action."""

    records: ClassVar[dict[str, list[dict[str, Any]]]] = {}
    authorization: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.authorization.append(self.headers["Authorization"])
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        _, _, rest = parts.path.partition("/activations")
        if rest:
            every = [record for found in self.records.values() for record in found]
            answer: Any = [record for record in every if record["activationId"] == rest[1:]]
            self._answer(answer[0] if answer else None)
            return
        found = self.records.get(query.get("name", ""), [])
        skip, limit = int(query["skip"]), int(query["limit"])
        self._answer(found[skip : skip + limit])

    def _answer(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(404 if document is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        return


@pytest.fixture
def api() -> Iterator[str]:
    _Activations.records = {
        "echo": [
            swift_record("f1", "fork", fork_ms=4.0, rdma_ms=6.0),
            swift_record("c1", "cold", container_ms=900.0, init_ms=700.0),
        ],
        "stock": [stock_record("s1"), stock_record("s2", init_ms=None)],
        "many": [stock_record(f"m{number}") for number in range(450)],
    }
    _Activations.authorization = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Activations)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def _run(*options: str) -> int:
    parser = argparse.ArgumentParser()
    compare.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["compare", *options])
    code: int = arguments.handler(arguments)
    return code


def test_table_of_each_and_percentiles(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--apihost", api, "--auth", "u:k", "--action", "echo", "--each") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "echo: 2 activations; all in ms"
    assert lines[1].split()[:6] == ["start", "reason", "wait", "container", "init", "fork"]
    assert "RDMA set-up" in lines[1]
    forked = next(line for line in lines if line.startswith("fork"))
    assert "abababababababab" in forked
    assert any(line.split()[:3] == ["fork", "fork", "1"] for line in lines)


def test_two_sets_side_by_side_with_ratio(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--apihost", api, "--auth", "u:k", "--action", "stock", "versus", "--action", "echo"]
    assert _run(*options, "--label", "ours") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "left: stock; right: ours; ratio = right / left" in lines
    total = next(line for line in lines if line.split()[:2] == ["all", "end-to-end"])
    assert total.split()[-1] == "1"
    # Ours tells cold from prewarm, stock's does not: beside each other neither may.
    both = next(line for line in lines if line.split()[:2] == ["cold/prewarm", "init"])
    assert both.split()[2] == "1"
    assert both.split()[9] == "1"


def test_json_has_both_sets(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--apihost", api, "--auth", "u:k", "--json", "--action", "echo"]
    assert _run(*options, "versus", "--action", "stock") == 0
    document = json.loads(capsys.readouterr().out)
    assert [item["label"] for item in document["sets"]] == ["echo", "stock"]
    assert document["sets"][0]["statistics"]["fork"]["fork"]["p50_ms"] == 4.0
    assert "end-to-end" in document["ratios_of_p50"]["all"]


def test_ids_are_read_one_by_one(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--apihost", api, "--auth", "u:k", "--id", "c1", "--id", "f1", "--json") == 0
    found = json.loads(capsys.readouterr().out)["sets"][0]["activations"]
    assert sorted(item["start"] for item in found) == ["cold", "fork"]


def test_an_id_without_record_is_named(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--apihost", api, "--auth", "u:k", "--id", "none") == compare.EXIT_NO_RECORDS
    assert "activation none: no record" in capsys.readouterr().err


def test_no_match_is_said(api: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--apihost", api, "--auth", "u:k", "--action", "nosuch"]
    assert _run(*options) == compare.EXIT_NO_RECORDS
    assert "nosuch: no activation matches" in capsys.readouterr().err


def test_newest_reads_pages(api: str) -> None:
    source = Api(api, "u:k")
    assert len(newest(source, Query("many"), None)) == 450
    assert len(newest(source, Query("many"), 250)) == 250


def test_wskprops_gives_host_and_key(
    api: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    properties = tmp_path / ".wskprops"
    properties.write_text(f"# a comment\nAPIHOST={api}\nAUTH=user:key=with=equals\n")
    assert read_wskprops(properties)["AUTH"] == "user:key=with=equals"
    assert _run("--wskprops", str(properties), "--action", "echo") == 0
    assert set(_Activations.authorization) == {"Basic dXNlcjprZXk9d2l0aD1lcXVhbHM="}


def test_missing_wskprops_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(SourceFault, match="give --apihost and --auth"):
        read_wskprops(tmp_path / "none")


def test_unreachable_host_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    # Port 9 (discard) of the loopback: nobody listens there.
    options = ["--apihost", "http://127.0.0.1:9", "--auth", "u:k"]
    assert _run(*options) == compare.EXIT_NO_RECORDS
    assert capsys.readouterr().err.count("\n") == 1


def test_a_stray_word_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert _run("--apihost", "h", "--auth", "u:k", "stray") == compare.EXIT_USAGE
    assert "'stray'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "moment_ms"),
    [
        ("1795362322575", 1795362322575),
        ("2026-11-22T15:45:22.575Z", 1795362322575),
        ("2026-11-22T15:45:22.575", 1795362322575),
        ("2026-11-22T16:45:22.575+01:00", 1795362322575),
    ],
)
def test_moments(text: str, moment_ms: int) -> None:
    assert compare._moment(text) == moment_ms
