"""The answer parser: however the bytes are cut, and whatever they are."""

from __future__ import annotations

import contextlib
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.containers.http_message import LONGEST_HEAD, Answer, BadAnswer, request

LIMIT = 1000


def parse(*pieces: bytes, keep: int = LIMIT) -> Answer:
    answer = Answer(LIMIT, keep)
    for piece in pieces:
        if not answer.finished:
            answer.feed(piece)
    return answer


def cut(data: bytes, places: list[int]) -> list[bytes]:
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


def chunked(body: bytes, sizes: list[int]) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = cut(body, sizes)
    return head + b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n\r\n"


@given(st.binary(max_size=LIMIT), st.lists(st.integers(0, 2000), max_size=8))
def test_announced_body_however_it_is_cut(body: bytes, places: list[int]) -> None:
    data = b"HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
    answer = parse(*cut(data, places))
    assert answer.finished
    assert (answer.status, answer.kept(), answer.size) == (200, body, len(body))
    assert answer.keep_alive


@given(
    st.binary(max_size=LIMIT),
    st.lists(st.integers(1, 2000), max_size=5),
    st.lists(st.integers(0, 3000), max_size=8),
)
def test_chunked_body_however_it_is_cut(body: bytes, sizes: list[int], places: list[int]) -> None:
    answer = parse(*cut(chunked(body, sizes), places))
    assert answer.finished
    assert (answer.kept(), answer.size) == (body, len(body))


@given(st.lists(st.binary(min_size=1, max_size=200), max_size=10))
def test_no_bytes_break_it_in_another_way(pieces: list[bytes]) -> None:
    answer = Answer(LIMIT, LIMIT)
    with contextlib.suppress(BadAnswer):
        for piece in pieces:
            if not answer.finished:
                answer.feed(piece)
        answer.end()


@given(st.binary(max_size=300))
def test_no_bytes_after_a_chunked_head_break_it(data: bytes) -> None:
    answer = Answer(LIMIT, LIMIT)
    with contextlib.suppress(BadAnswer):
        answer.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + data)
        answer.end()


def test_body_over_the_limit_is_cut_and_its_length_kept() -> None:
    body = b"x" * (LIMIT + 500)
    answer = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 1500\r\n\r\n", body, keep=10)
    assert answer.finished
    assert answer.kept() == b"x" * 10
    assert answer.size == 1500


def test_body_of_exactly_the_limit_is_whole() -> None:
    body = b"x" * LIMIT
    answer = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", body, keep=10)
    assert answer.kept() == body


def test_chunked_body_over_the_limit_is_counted() -> None:
    answer = parse(chunked(b"y" * 5000, [1000, 2000]), keep=7)
    assert (answer.kept(), answer.size) == (b"y" * 7, 5000)


def test_body_until_the_connection_ends() -> None:
    answer = parse(b"HTTP/1.0 200 OK\r\n\r\nab", b"c")
    assert not answer.finished
    answer.end()
    assert answer.kept() == b"abc"
    assert not answer.keep_alive


def test_interim_answers_are_passed_over() -> None:
    answer = parse(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nz")
    assert (answer.status, answer.kept()) == (200, b"z")


def test_connection_close_is_heeded() -> None:
    answer = parse(b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 0\r\n\r\n")
    assert answer.finished
    assert not answer.keep_alive


def test_bytes_after_the_body_end_the_connection() -> None:
    answer = parse(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\n")
    assert answer.kept() == b"ab"
    assert not answer.keep_alive


@pytest.mark.parametrize(
    "data",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"x" * (LONGEST_HEAD + 1),
    ],
)
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc",
    ],
)
def test_half_an_answer_is_none(data: bytes) -> None:
    answer = Answer(LIMIT, LIMIT)
    answer.feed(data)
    with pytest.raises(BadAnswer):
        answer.end()


def test_request_is_what_the_contract_asks() -> None:
    head, _, body = request("POST", "/run", b'{"value":{}}', "172.17.0.3:8080", False).partition(
        b"\r\n\r\n"
    )
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /run HTTP/1.1"
    assert "Accept: application/json" in lines
    assert "Content-Type: application/json" in lines
    assert "Content-Length: 12" in lines
    assert body == b'{"value":{}}'
