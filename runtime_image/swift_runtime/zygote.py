"""The proxy's side of the template: commands to it, events from it, its death."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from swift_runtime.channel import Channel, ChannelClosed, memory_file
from swift_runtime.output import Output


class Workers(Protocol):
    """Who wants to know what happens to workers (the fleet)."""

    def forked(self, worker: str, pid: int) -> None: ...

    def unforked(self, worker: str, error: str) -> None: ...

    def exited(self, worker: str, status: int) -> None: ...

    def template_died(self, status: int) -> None: ...

    def retire_spares(self) -> None: ...


class TemplateFailed(Exception):
    """The template could not be made, or died; the text says how, for the developer."""


class Zygote:
    """Knows the template's state: ``empty``, ``initialising``, ``ready`` or ``failed``."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, pid: int, control: Channel, output: Output
    ) -> None:
        self.pid = pid
        self.state = "empty"
        self.failure: str | None = None
        self.output = output
        self.reason: str | None = None
        """Why the template can't be forked; None when it can."""
        self.template_ms = 0.0
        self.rdma: str | None = None
        """The rung of RDMA sharing; None without RDMA."""
        self.rdma_reason: str | None = None
        """Why it is not a better one."""
        self.rdma_place: str | None = None
        """Device, port and chosen address, in words."""
        self._loop = loop
        self._control = control
        self._workers: Workers | None = None
        self._initialised: asyncio.Future[dict[str, Any]] | None = None
        control.set_blocking(False)
        loop.add_reader(control.fileno(), self._readable)

    def tell(self, workers: Workers) -> None:
        """Report events of workers to ``workers``."""
        self._workers = workers

    @property
    def forkable(self) -> bool:
        return self.state == "ready" and self.reason is None

    async def initialise(self, body: bytes, slots: int, rdma: bool, peers: Sequence[str]) -> None:
        """Have the template load the action; raises :class:`TemplateFailed`.

        ``slots`` is how many workers there will be at once, ``peers`` whom they will talk to.
        """
        self.state = "initialising"
        self._initialised = self._loop.create_future()
        descriptor = memory_file(body)
        try:
            wish = {"slots": slots, "rdma": rdma, "peers": list(peers)}
            self._control.send({"command": "init", **wish}, [descriptor])
        except ChannelClosed:
            self._fail("The template died before the action was loaded.")
        finally:
            os.close(descriptor)
        event = await self._initialised
        if event["event"] == "failed":
            self._fail(event["error"])
            raise TemplateFailed(event["error"])
        self.reason = event["reason"]
        self.template_ms = event["template_ms"]
        self.rdma, self.rdma_reason = event["rdma"], event["rdma_reason"]
        self.rdma_place = event["rdma_place"]
        self.state = "ready"

    def fork(self, worker: str, slot: int, descriptors: list[int], spare: bool = False) -> None:
        """Ask for a worker; the template takes copies of the descriptors."""
        command = "fork" if self.forkable else "become"
        self._command(command, worker, descriptors, slot=slot, spare=spare)

    def kill(self, worker: str) -> None:
        """Ask for the end of a worker; its ``exited`` event follows."""
        if self.forkable:
            self._command("kill", worker)
        else:
            self.destroy()

    def _command(
        self, command: str, worker: str, descriptors: list[int] | None = None, **more: int
    ) -> None:
        try:
            self._control.send({"command": command, "worker": worker, **more}, descriptors or [])
        except ChannelClosed:
            return  # the template's death is reported by reaping it
        except BlockingIOError:
            print("the template takes no commands any more: killing it", file=sys.stderr)
            self.destroy()

    def destroy(self) -> None:
        """Kill the template, and by that its workers."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)

    def reaped(self, status: int) -> None:
        """The template is dead (the proxy reaped it)."""
        self.drain_events()
        self.output.close()
        if os.WIFSIGNALED(status):
            how = f"was killed by signal {os.WTERMSIG(status)}"
        else:
            how = f"exited with status {os.WEXITSTATUS(status)}"
        self._fail(self.failure or f"The action's template {how}. See logs for details.")
        if self._workers is not None:
            self._workers.template_died(status)

    def _fail(self, text: str) -> None:
        self.state = "failed"
        self.failure = text
        if self._initialised is not None and not self._initialised.done():
            self._initialised.set_result({"event": "failed", "error": text})

    def drain_events(self) -> None:
        """Handle what the template had said before it died."""
        if self._control.fileno() >= 0:
            self._readable()

    def _readable(self) -> None:
        try:
            while True:
                self._handle(self._control.receive()[0])
        except BlockingIOError:
            return
        except ChannelClosed:
            self._loop.remove_reader(self._control.fileno())
            self._control.close()

    def _handle(self, event: dict[str, Any]) -> None:
        kind = event["event"]
        if kind in ("initialised", "failed"):
            if self._initialised is not None and not self._initialised.done():
                self._initialised.set_result(event)
            return
        assert self._workers is not None
        if kind == "forked":
            self._workers.forked(event["worker"], event["pid"])
        elif kind == "unforked":
            self._workers.unforked(event["worker"], event["error"])
        elif kind == "exited":
            self._workers.exited(event["worker"], event["status"])
        elif kind == "stale":
            self._workers.retire_spares()
