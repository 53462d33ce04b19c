"""All workers of a container: their slots, births, deaths, and the directories they leave."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import socket
import sys

from swift_runtime.exits import OutOfMemoryKills, WorkerExit
from swift_runtime.handle import ForkFailed, WorkerHandle
from swift_runtime.output import Output
from swift_runtime.slots import NoFreeSlot, Slots
from swift_runtime.spares import Spares
from swift_runtime.zygote import Zygote

_DESCRIPTORS_A_WORKER = 4
_DESCRIPTORS_SPARE = 128
_KILL_SECONDS = 10.0
"""A template that has not killed a worker by then hangs, and is killed itself."""


class Conflict(Exception):
    """The request can't be met and nothing ran; ``code`` is one of the protocol's."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class Fleet:
    """The living workers by name."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, zygote: Zygote, directory: str, slots: int = 1
    ) -> None:
        self.slots = Slots(slots)
        self.busy = asyncio.Event()
        """Set while an activation may be running (the memory watch sleeps otherwise)."""
        self._loop = loop
        self._zygote = zygote
        self._directory = directory
        self._workers: dict[str, WorkerHandle] = {}
        self._known: dict[str, WorkerHandle] = {}
        """Workers and spares by the template's names for them."""
        self.spares = Spares(loop, self._fork_ahead)
        self._memory_kills = OutOfMemoryKills()
        zygote.tell(self)

    def workers(self) -> list[WorkerHandle]:
        """Those that live, oldest first."""
        return list(self._workers.values())

    def open_slots(self, wanted: int) -> int:
        """Set the number of slots, as far as descriptors allow; the number."""
        self.slots = Slots(possible_slots(wanted) if self._zygote.forkable else 1)
        return self.slots.count

    def get(self, name: str) -> WorkerHandle | None:
        return self._workers.get(name)

    def idle(self, name: str) -> WorkerHandle:
        """The idle worker of that name; raises :class:`Conflict`."""
        worker = self._workers.get(name)
        if worker is None:
            raise Conflict("no-such-worker", f"There is no worker {name}.")
        if worker.state != "idle":
            raise Conflict("worker-busy", f"Worker {name} is running an activation.")
        return worker

    def fork(self, name: str) -> WorkerHandle:
        """A new worker in a free slot; raises :class:`Conflict`.

        Where the template can't be forked, the first call makes it the one worker itself.
        """
        if name in self._workers:
            raise Conflict("worker-exists", f"There is a worker {name} already.")
        if self._workers and not self._zygote.forkable:
            raise Conflict("not-forkable", f"Not forkable: {self._zygote.reason}.")
        self.spares.later()
        worker = self.spares.take()
        if worker is None:
            worker = self._fork_now(name)
        else:
            worker.adopt(name)
        self._workers[name] = worker
        return worker

    def fork_instead(self, worker: WorkerHandle) -> WorkerHandle:
        """A new worker for one that was a spare and died before it began its activation.

        Raises :class:`Conflict`.
        """
        self.retire_spares()  # what befell that one may befall its siblings
        return self.fork(worker.name)

    def _fork_now(self, name: str) -> WorkerHandle:
        try:
            slot = self.slots.take()
        except NoFreeSlot:
            count = self.slots.count
            raise Conflict("no-free-slot", f"All {count} slots have a worker.") from None
        return self._request(name, slot)

    def _fork_ahead(self, key: str) -> WorkerHandle | None:
        if self._zygote.state != "ready" or not self._zygote.forkable:
            return None
        try:
            return self._request(key, self.slots.take(), spare=True)
        except NoFreeSlot:
            return None

    def retire_spares(self) -> None:
        """End those that wait; the template asks for it when what they hold is of no use."""
        for spare in self.spares.given_up():
            self.order_kill(spare, "killed")

    def _request(self, name: str, slot: int, spare: bool = False) -> WorkerHandle:
        ours, theirs = socket.socketpair()
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        output = Output(self._loop, out_read, err_read)
        worker = WorkerHandle(self._loop, name, slot, ours, output, spare)
        self._known[name] = worker
        self._zygote.fork(name, slot, [theirs.fileno(), out_write, err_write], spare)
        if not self._zygote.forkable:
            worker.pid = self._zygote.pid
            worker.requested_ns = None
        theirs.close()
        os.close(out_write)
        os.close(err_write)
        return worker

    async def kill(self, worker: WorkerHandle, reason: str) -> WorkerExit | ForkFailed:
        """SIGKILL a worker and wait until it is reaped."""
        self.order_kill(worker, reason)
        done, _ = await asyncio.wait([worker.ended], timeout=_KILL_SECONDS)
        if not done:
            print(f"template did not kill {worker.name}: killing the template", file=sys.stderr)
            self._zygote.destroy()
        ending = await worker.ended
        while worker.state == "running":
            # its /run has been woken and closes the activation's logs, which may be asked for next
            await asyncio.sleep(0)
        return ending

    def order_kill(self, worker: WorkerHandle, reason: str) -> None:
        """SIGKILL a worker; its exit will have ``reason``."""
        worker.ordered = worker.ordered or reason
        self._zygote.kill(worker.key)

    def forked(self, worker: str, pid: int) -> None:
        if worker in self._known:
            self._known[worker].pid = pid

    def unforked(self, worker: str, error: str) -> None:
        self._bury(worker, ForkFailed(error))

    def exited(self, worker: str, status: int) -> None:
        handle = self._known[worker]
        memory_kill = self._memory_kills.one_more()
        self._bury(worker, WorkerExit.from_status(status, handle.ordered, memory_kill))

    def template_died(self, status: int) -> None:
        memory_kill = self._memory_kills.one_more()
        for name, handle in list(self._known.items()):
            if handle.pid == self._zygote.pid:
                ending = WorkerExit.from_status(status, handle.ordered, memory_kill)
            else:
                ending = WorkerExit("template", signal=9)
            self._bury(name, ending)

    def _bury(self, key: str, ending: WorkerExit | ForkFailed) -> None:
        worker = self._known.pop(key)
        if self._workers.get(worker.name) is worker:
            del self._workers[worker.name]
        self.slots.release(worker.slot)
        self.spares.died(worker)
        self.spares.later()
        worker.end(ending)
        path = os.path.join(self._directory, "workers", key)
        self._loop.run_in_executor(None, _remove_directory, path)


def possible_slots(wanted: int) -> int:
    """At most ``wanted``, as far as descriptors allow."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(wanted, max(1, (limit - _DESCRIPTORS_SPARE) // _DESCRIPTORS_A_WORKER))


def _remove_directory(path: str) -> None:
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return  # the worker never came so far
    except OSError as error:
        print(f"can't remove a worker's directory: {error}", file=sys.stderr)
