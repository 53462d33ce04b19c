"""The exchange of connection data, with peers that are not what they should be."""

from __future__ import annotations

import json
import random
import socket
import struct
import subprocess
import sys
import threading
from typing import Any

import pytest

from swift_rdma import dial, errors, exchange, phases
from swift_rdma.errors import ExchangeRefused, PeerUnreachable, RdmaError
from swift_rdma.exchange import Endpoint
from swift_rdma.memory_server import _part, _region_name
from swift_rdma.peer import Peer
from tests.unit.runtime_image.harness import PACKAGES

ENDPOINT = Endpoint(17, 0xABCDEF, "::ffff:10.0.0.1", 0, 1024, 1 << 47, 0xFFFFFFFF, 1 << 20)


def _talk(data: bytes) -> dict[str, Any]:
    """What `receive` makes of these bytes and then the end of the connection."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        threading.Thread(target=lambda: (theirs.sendall(data), theirs.close())).start()
        return exchange.receive(ours)


def test_an_endpoint_goes_there_and_back() -> None:
    message = _talk(exchange.pack({"endpoint": ENDPOINT.to_json()}))
    received = Endpoint.parse(message["endpoint"])
    assert received.queue_pair == 17
    assert received.to_json() == {**ENDPOINT.to_json(), "gid": received.gid}


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "wrong port"),
        (struct.pack("!4sBxH", b"SWRX", 2, 2) + b"{}", "version 2"),
        (struct.pack("!4sBxH", b"SWRX", 1, 65535), "announced 65535 bytes"),
        (struct.pack("!4sBxH", b"SWRX", 1, 3) + b"abc", "no JSON"),
        (struct.pack("!4sBxH", b"SWRX", 1, 2) + b"[]", "no object"),
        (exchange.pack({"error": "go away"}), "refused: go away"),
    ],
)
def test_what_is_no_message_is_refused(data: bytes, text: str) -> None:
    with pytest.raises(ExchangeRefused, match=text):
        _talk(data)


@pytest.mark.parametrize("data", [b"", b"SWRX", struct.pack("!4sBxH", b"SWRX", 1, 9) + b"{}"])
def test_a_peer_that_hangs_up(data: bytes) -> None:
    with pytest.raises(PeerUnreachable, match="hung up"):
        _talk(data)


@pytest.mark.parametrize(
    "change",
    [
        {"queue_pair": 1 << 24},
        {"queue_pair": -1},
        {"queue_pair": True},
        {"queue_pair": "17"},
        {"packet_sequence": None},
        {"gid": "::"},
        {"gid": "10.0.0.1"},
        {"gid": 5},
        {"mtu": 1500},
        {"mtu": [1024]},
        {"lid": 1 << 16},
        {"remote_key": 1 << 32},
        {"address": 1 << 64},
        {"address": (1 << 64) - 10, "length": 11},
        {"length": 1.5},
    ],
)
def test_a_hostile_endpoint_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ExchangeRefused):
        Endpoint.parse({**ENDPOINT.to_json(), **change})


def test_random_bytes_are_never_anything_but_refused() -> None:
    chance = random.Random(7)
    valid = exchange.pack({"endpoint": ENDPOINT.to_json()})
    for _ in range(2000):
        data = bytearray(valid)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        try:
            length = exchange.parse_head(bytes(data[: exchange.head_length()]))
            content = exchange.parse_body(bytes(data[exchange.head_length() :][:length]))
            Endpoint.parse(content.get("endpoint"))
        except ExchangeRefused:
            continue


@pytest.mark.parametrize("content", [None, [], "x", 5])
def test_no_endpoint_at_all(content: Any) -> None:
    with pytest.raises(ExchangeRefused, match="no endpoint"):
        Endpoint.parse(content)


def test_messages_are_bounded() -> None:
    with pytest.raises(ValueError, match="at most"):
        exchange.pack({"x": "y" * 5000})


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("10.0.0.1", Peer("10.0.0.1", 7471, None)),
        ("memory.example:9000", Peer("memory.example", 9000, None)),
        ("10.0.0.1:9000/shared-1", Peer("10.0.0.1", 9000, "shared-1")),
        ("[fe80::1%eth0]:9000", Peer("fe80::1%eth0", 9000, None)),
    ],
)
def test_peers_are_read(text: str, peer: Peer) -> None:
    assert Peer.parse(text) == peer


@pytest.mark.parametrize(
    "text", ["", "a:b", "a:0", "a:70000", "a:1/", "a:1/../x", "a b:1/" + "x" * 65, "fe80::1:9"]
)
def test_bad_peers_say_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no peer|has port|region"):
        Peer.parse(text)


def test_an_unreachable_peer_is_named_with_a_remedy() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(PeerUnreachable, match="is its memory server running"):
        dial._dial(Peer("127.0.0.1", port, None), 1.0)


@pytest.mark.parametrize(
    "wanted", [None, {}, {"offset": -1, "length": 1}, {"offset": 1, "length": 10}]
)
def test_the_server_checks_what_a_checksum_is_asked_of(wanted: Any) -> None:
    with pytest.raises(ExchangeRefused):
        _part(wanted, 10)
    assert _part({"offset": 0, "length": 10}, 10) == (0, 10)


@pytest.mark.parametrize("name", ["", "../x", 5, "x" * 65])
def test_the_server_checks_names_of_regions(name: Any) -> None:
    with pytest.raises(ExchangeRefused):
        _region_name(name)
    assert _region_name(None) is None
    assert _region_name("shared") == "shared"


def test_phases_add_up_and_are_reset() -> None:
    phases.reset()
    phases.add("open", 1.5)
    phases.add("open", 1.0)
    phases.add("import", 3.0)
    assert list(phases.snapshot().items()) == [("import", 3.0), ("open", 2.5)]
    phases.reset()
    with pytest.raises(ValueError, match="no such phase"), phases.phase("lunch"):
        pass
    with phases.phase("connect"):
        pass
    assert phases.snapshot()["connect"] >= 0
    phases.reset()
    assert phases.snapshot() == {}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (errors.device_missing("rxe9", ["rxe0"]), ["rxe9", "rxe0", "uverbsN"]),
        (errors.device_missing(None, []), ["no RDMA device", "uverbsN"]),
        (errors.several_devices(["a", "b"]), ["a, b", "SWIFT_RDMA_DEVICE"]),
        (errors.cannot_open("rxe0", 13), ["Permission denied", "read and write"]),
        (errors.cannot_open("rxe0", 2), ["No such file", "--device"]),
        (errors.not_lockable(4096, 12), ["4096", "memlock", "ulimit"]),
        (errors.not_lockable(4096, 22), ["Invalid argument"]),
        (errors.creation_failed("queue pair", 12), ["queue pair", "memlock"]),
        (errors.completion_failed("RDMA_READ", "IBV_WC_REM_ACCESS_ERR"), ["REM_ACCESS", "peer"]),
    ],
)
def test_errors_name_the_remedy(error: RdmaError, words: list[str]) -> None:
    assert all(word in str(error) for word in words)
    assert "\n" not in str(error)


def test_importing_the_api_does_not_import_pyverbs() -> None:
    code = "import sys, swift_rdma; sys.exit(any(m.startswith('pyverbs') for m in sys.modules))"
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(PACKAGES)})


def test_what_is_sent_is_json() -> None:
    data = exchange.pack({"endpoint": ENDPOINT.to_json()})
    assert exchange.parse_head(data[:8]) == len(data) - 8
    assert json.loads(data[8:])["endpoint"]["queue_pair"] == 17
