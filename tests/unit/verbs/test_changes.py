"""Who wants to know of RDMA devices that come and go is told."""

from __future__ import annotations

import asyncio
import errno
import logging
import os

import pytest

from invoker_plugin.verbs.changes import DeviceChanges
from invoker_plugin.verbs.uevents import concerns_rdma
from tests.polling import until


class Pipe:
    """Events by hand: ``x`` is one of an RDMA device, ``!`` an error of the kernel's."""

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()

    def happen(self, what: bytes = b"x") -> None:
        os.write(self.writer, what)

    def fileno(self) -> int:
        return self.reader

    def drain(self) -> bool:
        said = os.read(self.reader, 100)
        if said == b"!":
            raise OSError(errno.EIO, "Input/output error")
        return b"x" in said

    def close(self) -> None:
        os.close(self.reader)
        os.close(self.writer)


def test_each_listener_is_told_of_each_change_until_the_end() -> None:
    events, told = Pipe(), list[str]()

    async def live() -> None:
        changes = DeviceChanges(lambda: events)
        changes.on_change(lambda: told.append("first"))
        changes.on_change(lambda: told.append("second"))
        changes.start()
        events.happen()
        await until(lambda: len(told) == 2)
        events.happen(b"another device's")
        events.happen()
        await until(lambda: len(told) == 4)
        changes.stop()
        changes.stop()

    asyncio.run(live())
    assert told == ["first", "second"] * 2


def test_without_the_kernels_word_it_warns_and_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def deaf() -> Pipe:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    failing = Pipe()

    async def live() -> None:
        DeviceChanges(deaf).start()
        changes = DeviceChanges(lambda: failing)
        changes.start()
        failing.happen(b"!")
        await until(lambda: len(caplog.records) == 2)
        changes.stop()

    with caplog.at_level(logging.WARNING):
        asyncio.run(live())
    assert {record.getMessage() for record in caplog.records} == {"rdma-devices-unwatched"}


def test_the_kernels_events_of_rdma_devices() -> None:
    added = b"add@/devices/virtual/x/uverbs0\0ACTION=add\0SUBSYSTEM=infiniband_verbs\0"
    moved = b"move@/devices/virtual/infiniband/x\0ACTION=move\0SUBSYSTEM=infiniband\0SEQNUM=3\0"
    other = b"add@/devices/virtual/net/dummy0\0ACTION=add\0SUBSYSTEM=net\0"
    mad = b"add@/devices/x\0SUBSYSTEM=infiniband_mad\0"
    udev = b"libudev\0\xfe\xed\xca\xfeSUBSYSTEM=infiniband\0"
    assert [concerns_rdma(one) for one in (added, moved, other, mad, udev, b"")] == [
        True, True, False, False, False, False,
    ]  # fmt: skip
