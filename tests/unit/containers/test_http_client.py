"""Requests to containers that are slow, silent, dead, or hostile."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.containers.http_client import ContainerClient
from invoker_plugin.containers.http_connection import Address, TcpAddress, UnixAddress
from invoker_plugin.containers.outcome import HttpOutcome
from tests.unit.containers.servers import Handler, always, answer, read_request, serving

LIMIT = 64 * 1024
AMPLE_MS = 10_000


def client_of(address: Address, **options: Any) -> ContainerClient:
    return ContainerClient(address, LIMIT, options.pop("keep", LIMIT), **options)


def ask(
    handler: Handler,
    request: Callable[[ContainerClient], Awaitable[HttpOutcome]],
    socket_path: Path | None = None,
    **options: Any,
) -> HttpOutcome:
    """The outcome of one request to a server of ``handler``."""

    async def flow() -> HttpOutcome:
        async with serving(handler, socket_path) as address:
            client = client_of(address, **options)
            try:
                return await request(client)
            finally:
                client.close()

    return asyncio.run(flow())


def run_once(timeout_ms: int = AMPLE_MS) -> Callable[[ContainerClient], Awaitable[HttpOutcome]]:
    return lambda client: client.run({"value": {"x": 1}}, timeout_ms)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_answer_comes_back_whole() -> None:
    outcome = ask(always(answer(b'{"got": 1}', "502 Bad Gateway")), run_once())
    assert (outcome.status, outcome.body, outcome.size) == (502, b'{"got": 1}', 10)
    assert outcome.failure is None
    assert outcome.end_ms >= outcome.start_ms


def test_body_goes_out_as_json_or_as_it_is() -> None:
    seen: list[tuple[str, bytes]] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await read_request(reader))
        writer.write(answer())

    ask(handler, lambda client: client.run({"value": "ü"}, AMPLE_MS))
    ask(handler, lambda client: client.init(b'{"value": 2}', AMPLE_MS))
    assert seen == [
        ("POST /run HTTP/1.1", '{"value":"ü"}'.encode()),
        ("POST /init HTTP/1.1", b'{"value": 2}'),
    ]


def test_swift_header_is_read() -> None:
    header = 'X-Swift: {"worker": "w7", "exit": null}\r\n'
    assert ask(always(answer(headers=header)), run_once()).swift == {"worker": "w7", "exit": None}


@pytest.mark.parametrize("value", ["nonsense", "[1]", '{"a":', "3"])
def test_broken_swift_header_counts_as_none(value: str) -> None:
    outcome = ask(always(answer(headers=f"X-Swift: {value}\r\n")), run_once())
    assert outcome.status == 200
    assert outcome.swift == {}


def test_silent_container_times_out() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    outcome = ask(handler, run_once(50))
    assert outcome.failure == "timeout"
    assert outcome.duration_ms >= 50


def test_dripping_container_times_out() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            writer.write(b"X: y\r\n")
            await writer.drain()
            await asyncio.sleep(0)

    assert ask(handler, run_once(50)).failure == "timeout"


def test_body_without_length_that_never_ends_times_out() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nhalf a bo")
        await reader.read()

    assert ask(handler, run_once(50)).failure == "timeout"


def test_container_that_reads_nothing_of_a_large_body_times_out() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    outcome = ask(handler, lambda client: client.init(b"x" * 50_000_000, 100))
    assert outcome.failure == "timeout"


def test_half_an_answer_is_a_reset() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    outcome = ask(handler, run_once())
    assert (outcome.status, outcome.failure) == (None, "reset")
    assert "4 of 100" in outcome.reason


@pytest.mark.parametrize("data", [b"", b"\x00\x01\x02\r\n\r\n", b"HTTP/1.1 nope\r\n\r\n"])
def test_end_or_nonsense_instead_of_an_answer_is_a_reset(data: bytes) -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(data)

    assert ask(handler, run_once()).failure == "reset"


def test_connection_reset_is_a_reset() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        linger = b"\x01\x00\x00\x00\x00\x00\x00\x00"
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()

    assert ask(handler, run_once()).failure == "reset"


def test_huge_body_is_cut_and_measured() -> None:
    body = b"z" * (LIMIT * 20)
    outcome = ask(always(answer(body)), run_once(), keep=100)
    assert (outcome.body, outcome.size) == (b"z" * 100, len(body))
    assert outcome.truncated


def test_endless_body_is_given_up_and_counts_as_cut() -> None:
    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        block = b"%x\r\n" % (1 << 20) + b"e" * (1 << 20) + b"\r\n"
        while True:
            writer.write(block)
            await writer.drain()

    outcome = ask(handler, run_once(), keep=10)
    assert outcome.status == 200
    assert outcome.body == b"e" * 10
    assert outcome.truncated


def test_run_on_a_closed_port_is_refused_at_once() -> None:
    client = client_of(TcpAddress("127.0.0.1", free_port()))
    outcome = asyncio.run(client.run({}, AMPLE_MS))
    assert outcome.failure == "refused"
    assert outcome.duration_ms < AMPLE_MS


def test_run_without_a_socket_is_refused(tmp_path: Path) -> None:
    client = client_of(UnixAddress(str(tmp_path / "none.sock")))
    assert asyncio.run(client.run({}, AMPLE_MS)).failure == "refused"


def test_init_waits_for_the_container_to_listen(tmp_path: Path) -> None:
    path = tmp_path / "late.sock"

    async def flow() -> HttpOutcome:
        request = asyncio.create_task(client_of(UnixAddress(str(path))).init({}, AMPLE_MS))
        for _ in range(5):
            await asyncio.sleep(0)
        async with serving(always(answer(b'{"ok": true}')), path):
            return await request

    assert asyncio.run(flow()).body == b'{"ok": true}'


def test_init_waits_over_tcp_too() -> None:
    port = free_port()

    async def flow() -> HttpOutcome:
        request = asyncio.create_task(client_of(TcpAddress("127.0.0.1", port)).init({}, AMPLE_MS))
        for _ in range(5):
            await asyncio.sleep(0)

        async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await read_request(reader)
            writer.write(answer())
            writer.close()

        server = await asyncio.start_server(handler, "127.0.0.1", port)
        try:
            return await request
        finally:
            server.close()

    assert asyncio.run(flow()).status == 200


def test_init_that_nobody_ever_listens_to_times_out(tmp_path: Path) -> None:
    client = client_of(UnixAddress(str(tmp_path / "never.sock")))
    outcome = asyncio.run(client.init({}, 40))
    assert outcome.failure == "timeout"
    assert outcome.duration_ms >= 40


def test_init_ends_when_the_container_has_exited(tmp_path: Path) -> None:
    client = client_of(UnixAddress(str(tmp_path / "never.sock")), exited=lambda: True)
    outcome = asyncio.run(client.init({}, 600_000))
    assert outcome.failure == "reset"


def test_init_is_not_sent_again_once_it_may_have_arrived() -> None:
    seen: list[str] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read_request(reader))[0])

    outcome = ask(handler, lambda client: client.init({}, AMPLE_MS))
    assert outcome.failure == "reset"
    assert len(seen) == 1


def test_unix_connections_are_kept_and_tcp_ones_are_not(tmp_path: Path) -> None:
    connections: list[int] = []

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.append(1)
        await always(answer())(reader, writer)

    async def three(client: ContainerClient) -> HttpOutcome:
        for _ in range(2):
            await client.run({}, AMPLE_MS)
        return await client.run({}, AMPLE_MS)

    ask(handler, three, tmp_path / "s.sock")
    assert len(connections) == 1
    ask(handler, three)
    assert len(connections) == 1 + 3


def test_dead_kept_connection_is_replaced(tmp_path: Path) -> None:
    """The runtime closed it while it was idle: nothing was delivered, so a new one is safe."""
    closed = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(answer())
        await writer.drain()
        writer.close()
        await writer.wait_closed()
        closed.set()

    async def twice(client: ContainerClient) -> HttpOutcome:
        await client.run({}, AMPLE_MS)
        await closed.wait()
        return await client.run({}, AMPLE_MS)

    assert ask(handler, twice, tmp_path / "s.sock").status == 200


def test_many_requests_at_once_have_a_connection_each(tmp_path: Path) -> None:
    arrived = 0
    all_here = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await read_request(reader)
        arrived += 1
        if arrived == 20:
            all_here.set()
        await all_here.wait()
        writer.write(answer())

    async def many(client: ContainerClient) -> HttpOutcome:
        outcomes = await asyncio.gather(*(client.run({}, AMPLE_MS) for _ in range(20)))
        assert [outcome.status for outcome in outcomes] == [200] * 20
        return outcomes[0]

    ask(handler, many, tmp_path / "s.sock")


def test_full_backlog_is_refused_not_taken_for_a_connection(tmp_path: Path) -> None:
    path = str(tmp_path / "full.sock")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(0)
        waiting = [socket.socket(socket.AF_UNIX) for _ in range(4)]
        try:
            for one in waiting:
                one.setblocking(False)
                one.connect_ex(path)
            outcome = asyncio.run(client_of(UnixAddress(path)).run({}, AMPLE_MS))
        finally:
            for one in waiting:
                one.close()
    assert outcome.failure == "refused"


@pytest.mark.parametrize("kind", ["link", "file", "directory"])
def test_only_a_socket_of_the_containers_own_is_connected_to(tmp_path: Path, kind: str) -> None:
    """A container could point its path at Docker's socket, or at a neighbour's."""
    path = tmp_path / "proxy.sock"
    seen: list[str] = []

    async def neighbour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await read_request(reader))[0])
        writer.write(answer())

    async def flow() -> HttpOutcome:
        async with serving(neighbour, tmp_path / "neighbour.sock"):
            if kind == "link":
                os.symlink(tmp_path / "neighbour.sock", path)
            elif kind == "file":
                path.write_text("x")
            else:
                path.mkdir()
            return await client_of(UnixAddress(str(path))).run({}, AMPLE_MS)

    assert asyncio.run(flow()).failure == "refused"
    assert not seen


def test_cancelled_request_closes_its_connection(tmp_path: Path) -> None:
    ended = asyncio.Event()
    arrived = asyncio.Event()

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()
        ended.set()

    async def flow() -> None:
        async with serving(handler, tmp_path / "s.sock") as address:
            task = asyncio.create_task(client_of(address).run({}, AMPLE_MS))
            await arrived.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await asyncio.wait_for(ended.wait(), 5)

    asyncio.run(flow())
