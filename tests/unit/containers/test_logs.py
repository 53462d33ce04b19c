"""An activation's log: sentinels, limits, offsets, and what is torn or missing."""

from __future__ import annotations

import asyncio
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.containers import log_collector, log_line
from invoker_plugin.containers.collection import LogCollection
from invoker_plugin.containers.log_assembly import SENTINEL, LogAssembly
from invoker_plugin.containers.log_collector import LogCollector
from invoker_plugin.containers.log_line import LogLine
from invoker_plugin.containers.log_sources import EngineLog, JsonFile, WeightedLine
from invoker_plugin.errors import SystemFault
from invoker_plugin.wire import texts

TIME = "2026-11-22T15:45:25.594167422Z"
MIB = 1024 * 1024
TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\r\n"), max_size=40)


def entry(text: str, stream: str = "stdout", time: str = TIME, end: str = "\n") -> bytes:
    return json.dumps({"log": text + end, "stream": stream, "time": time}).encode() + b"\n"


def both_sentinels() -> bytes:
    return entry(SENTINEL) + entry(SENTINEL, "stderr")


def collect(
    path: Path, limit: int = MIB, sentinels: bool = True, developer_error: bool = False
) -> LogCollection:
    collector = LogCollector(JsonFile(str(path)), "c")
    return asyncio.run(collector.collect(limit, sentinels, developer_error))


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What never comes is waited for only shortly here."""
    monkeypatch.setattr(log_collector, "IDLE_LIMIT_S", 0.05)


def test_form_of_a_line() -> None:
    assert log_line.parse(entry("  indented")).formatted() == f"{TIME} stdout:   indented"


def test_shorter_time_is_padded_to_30_columns() -> None:
    line = LogLine("2026-11-22T15:45:22.71391318Z", "stdout", "x")
    assert line.formatted() == "2026-11-22T15:45:22.71391318Z  stdout: x"


@given(st.lists(st.tuples(TEXT, st.sampled_from(["stdout", "stderr"])), max_size=30))
def test_all_lines_come_out_in_order_without_sentinels(lines: list[tuple[str, str]]) -> None:
    assembly = LogAssembly(MIB, expect_sentinels=True)
    for text, stream in [*lines, (SENTINEL, "stdout"), (SENTINEL, "stderr")]:
        assert not assembly.finished
        assembly.feed(LogLine(TIME, stream, text), len(text))
    assert assembly.finished
    logs = assembly.collection()
    assert logs.lines == tuple(f"{TIME} {stream}: {text}" for text, stream in lines)
    assert logs.complete


@given(st.lists(st.integers(1, 300), max_size=40), st.integers(0, 3000))
def test_limit_is_never_passed_and_its_notice_is_the_last_line(
    weights: list[int], limit: int
) -> None:
    assembly = LogAssembly(limit, expect_sentinels=False)
    kept = 0
    for weight in weights:
        if assembly.finished:
            break
        assembly.feed(LogLine(TIME, "stdout", "x"), weight)
        kept += 0 if assembly.truncated else weight
    logs = assembly.collection()
    assert kept <= limit
    assert logs.truncated == (sum(weights) > limit)
    assert logs.complete != logs.truncated
    if logs.truncated:
        assert logs.lines[-1].endswith(f"stderr: {texts.logs_truncated(limit)}")


def test_empty_log_is_fine(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(both_sentinels())
    assert collect(path) == LogCollection()


def test_next_collection_begins_where_the_last_ended(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(entry("one") + both_sentinels() + entry("two") + both_sentinels())
    collector = LogCollector(JsonFile(str(path)), "c")

    async def flow() -> list[LogCollection]:
        return [await collector.collect(MIB, True), await collector.collect(MIB, True)]

    first, second = asyncio.run(flow())
    assert first.lines == (f"{TIME} stdout: one",)
    assert second.lines == (f"{TIME} stdout: two",)


def test_sentinels_that_come_late_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_collector, "IDLE_LIMIT_S", 10)
    path = tmp_path / "log"
    whole = entry("one") + both_sentinels()
    path.write_bytes(whole[:20])

    async def flow() -> LogCollection:
        reading = asyncio.create_task(LogCollector(JsonFile(str(path)), "c").collect(MIB, True))
        for end in range(21, len(whole) + 1, 50):
            await asyncio.sleep(0)
            path.write_bytes(whole[:end])
        path.write_bytes(whole)
        return await reading

    logs = asyncio.run(flow())
    assert logs == LogCollection((f"{TIME} stdout: one",))


def test_missing_sentinel_is_an_incomplete_log(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(entry("one") + entry(SENTINEL))
    logs = collect(path)
    assert logs.lines[0] == f"{TIME} stdout: one"
    assert logs.lines[1].endswith(f"stderr: {texts.LOG_FAILURE}")
    assert not logs.complete
    assert not logs.truncated


def test_half_written_last_line_is_left_for_later(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(entry("one") + entry("two")[:-5])
    assert collect(path, sentinels=False).lines == (f"{TIME} stdout: one",)


def test_blackbox_log_is_read_to_its_end_and_shows_no_sentinel(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(entry("one") + entry(SENTINEL) + entry("two", "stderr"))
    logs = collect(path, sentinels=False)
    assert logs.lines == (f"{TIME} stdout: one", f"{TIME} stderr: two")
    assert logs.complete


def test_developer_error_says_that_data_might_be_missing(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(entry("dying"))
    logs = collect(path, sentinels=False, developer_error=True)
    assert logs.lines[0] == f"{TIME} stdout: dying"
    assert logs.lines[1].endswith(f"stderr: {texts.LOG_DEVELOPER_ERROR}")
    assert logs.complete


def test_log_over_the_limit_is_cut_and_the_rest_skipped(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(entry("x" * 50) * 100 + both_sentinels())
    collector = LogCollector(JsonFile(str(path)), "c")

    async def flow() -> tuple[LogCollection, LogCollection]:
        first = await collector.collect(1000, True)
        with path.open("ab") as file:
            file.write(entry("next") + both_sentinels())
        return first, await collector.collect(1000, True)

    first, second = asyncio.run(flow())
    assert first.truncated
    assert not first.complete
    assert len(first.lines) == 1000 // len(entry("x" * 50)) + 1
    assert second.lines == (f"{TIME} stdout: next",)


def test_log_of_many_blocks_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(entry("y" * 1000) * 3000 + both_sentinels())
    logs = collect(path, limit=10 * MIB)
    assert len(logs.lines) == 3000
    assert logs.complete


@given(
    st.lists(TEXT, max_size=20),
    st.lists(st.integers(0, 5000), max_size=10),
)
def test_growing_log_is_read_once_and_whole_wherever_it_was_cut(
    lines: list[str], places: list[int]
) -> None:
    whole = b"".join(entry(line) for line in lines)
    with tempfile.NamedTemporaryFile() as file:
        source = JsonFile(file.name)
        found: list[str] = []
        for end in [*sorted(place % (len(whole) + 1) for place in places), len(whole)]:
            file.seek(0)
            file.write(whole[:end])
            file.flush()
            found += _texts(asyncio.run(source.read()))
    assert found == lines


def test_log_that_docker_began_anew_is_read_from_its_start(tmp_path: Path) -> None:
    path = tmp_path / "log"
    source = JsonFile(str(path))
    path.write_bytes(entry("old") * 5)
    asyncio.run(source.read())
    path.write_bytes(entry("new"))
    assert [line.text for line, _ in asyncio.run(source.read())] == ["new"]


@pytest.mark.parametrize("content", [b"not json\n", b"[1]\n", b'{"log":"x"}\n{broken\n'])
def test_damaged_log_is_a_failed_collection(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "log"
    path.write_bytes(content)
    logs = collect(path)
    assert not logs.complete
    assert logs.lines[-1].endswith(texts.LOG_FAILURE)


def test_log_file_that_is_gone_is_a_failed_collection(tmp_path: Path) -> None:
    logs = collect(tmp_path / "none")
    assert not logs.complete
    assert logs.lines[-1].endswith(texts.LOG_FAILURE)


class ApiLog:
    """Answers as Docker's logs API does: whole seconds and all, by time, inclusive."""

    def __init__(self) -> None:
        self.written: list[tuple[str, str, str]] = []
        self.fails = False

    async def logs(self, container: str, stream: str, since: float) -> list[bytes]:
        if self.fails:
            raise SystemFault("docker logs: gone")
        return [
            f"{time} {text}\n".encode()
            for time, written_to, text in self.written
            if written_to == stream and (since == 0 or _after(time, since))
        ]


def _after(time: str, since: float) -> bool:
    return float(time[17:-1]) >= since % 60


def test_api_lines_are_read_once_even_those_of_one_moment() -> None:
    api = ApiLog()
    source = EngineLog(api, "c")  # type: ignore[arg-type]
    same = "2026-11-22T15:45:25.500000000Z"
    api.written = [(same, "stdout", "a"), (same, "stdout", "b")]
    assert _texts(asyncio.run(source.read())) == ["a", "b"]
    api.written.append((same, "stdout", "c"))
    api.written.append(("2026-11-22T15:45:26.000000001Z", "stderr", "d"))
    assert _texts(asyncio.run(source.read())) == ["c", "d"]
    assert asyncio.run(source.read()) == []


def test_api_log_has_the_same_form_as_the_file() -> None:
    api = ApiLog()
    api.written = [("2026-11-22T15:45:25.500000000Z", "stderr", "  x")]
    logs = asyncio.run(
        LogCollector(EngineLog(api, "c"), "c").collect(MIB, False)  # type: ignore[arg-type]
    )
    assert logs.lines == (f"{'2026-11-22T15:45:25.5Z':<30} stderr:   x",)


def test_what_follows_the_sentinels_is_kept_for_the_next() -> None:
    api = ApiLog()
    times = [f"2026-11-22T15:45:25.{number}Z" for number in range(100000001, 100000009)]
    lines = ["one", SENTINEL, SENTINEL, "two", SENTINEL, SENTINEL]
    api.written = [(time, "stdout", text) for time, text in zip(times, lines, strict=False)]
    collector = LogCollector(EngineLog(api, "c"), "c")  # type: ignore[arg-type]

    async def flow() -> list[LogCollection]:
        return [await collector.collect(MIB, True), await collector.collect(MIB, True)]

    first, second = asyncio.run(flow())
    assert first.lines == (f"{times[0]} stdout: one",)
    assert second.lines == (f"{times[3]} stdout: two",)


def test_api_that_fails_is_a_failed_collection() -> None:
    api = ApiLog()
    api.fails = True
    logs = asyncio.run(
        LogCollector(EngineLog(api, "c"), "c").collect(MIB, True)  # type: ignore[arg-type]
    )
    assert not logs.complete


def _texts(lines: list[WeightedLine]) -> list[str]:
    return [line.text for line, _ in lines]
