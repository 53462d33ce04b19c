"""Carries the pool's effects out and tells it what became of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from prometheus_client import CollectorRegistry

from invoker_plugin.containers.interface import AnyContainer
from invoker_plugin.errors import SystemFault
from invoker_plugin.invoker import removal
from invoker_plugin.invoker.activation import Activation
from invoker_plugin.invoker.clock import steady_ms
from invoker_plugin.invoker.drain import SHUT_DOWN
from invoker_plugin.invoker.finisher import Finisher
from invoker_plugin.invoker.handle import Handle
from invoker_plugin.invoker.no_room import NoRoomLog
from invoker_plugin.invoker.runner import Runner
from invoker_plugin.invoker.starter import Starter
from invoker_plugin.invoker.unbegun import Unbegun
from invoker_plugin.log import event
from invoker_plugin.metrics.containers import ContainerMetrics
from invoker_plugin.pool import Pool
from invoker_plugin.pool import effects as fx
from invoker_plugin.pool import events as ev
from invoker_plugin.pool.container import State
from invoker_plugin.pool.job import Job

logger = logging.getLogger(__name__)


class Driver:
    """One task for each effect; every one ends in an event, whatever goes wrong."""

    def __init__(
        self,
        pool: Pool,
        starter: Starter,
        finisher: Finisher,
        feed_more: Callable[[int], None],
        result_limit_bytes: int,
        metrics: ContainerMetrics | None = None,
    ) -> None:
        self.pool = pool
        self._metrics = metrics or ContainerMetrics(CollectorRegistry())
        self.no_room = NoRoomLog(pool, self._metrics.no_room)
        self.activations: dict[str, Activation] = {}
        self._handles: dict[int, Handle] = {}
        self._starter = starter
        self._unbegun = Unbegun(finisher)
        self._runner = Runner(finisher, self.happen, result_limit_bytes)
        self._feed_more = feed_more
        self._ending = False
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def in_flight(self) -> int:
        """Activations that were submitted and have not ended."""
        return len(self.activations)

    def submit(self, activation: Activation) -> None:
        """Have an activation placed and run; it always ends in an ack."""
        self.activations[activation.message.activation_id] = activation
        self.happen(ev.JobArrived(activation.job))

    def happen(self, happened: ev.Event) -> None:
        """Tell the pool, and begin what it wants done."""
        for effect in self.pool.handle(happened, steady_ms()):
            self._carry_out(effect)

    def container_exited(self, container_id: str) -> None:
        """Docker says that a container is no more; what runs in it learns so by its connection."""
        for handle in self._handles.values():
            if handle.container is not None and handle.container.id == container_id:
                self.happen(ev.ContainerLost(handle.number, "container exited by itself"))
                return

    def devices_changed(self) -> None:
        """RDMA devices came or went: containers whose own is gone take no more jobs, and go.

        Idle ones at once, paused or not. A driver that can't take a device from its users (rxe)
        waits for them in the kernel; and who has it open has no use of the one that comes after.
        """
        for handle in list(self._handles.values()):
            self._check_device(handle)

    def _check_device(self, handle: Handle) -> None:
        if handle.container is not None and handle.container.lost_device():
            self.happen(ev.ContainerLost(handle.number, "its RDMA device was removed"))

    def stem_cells(self) -> list[tuple[int, AnyContainer]]:
        """The stem cells that are up, with their numbers in the pool."""
        return [
            (cell.number, handle.container)
            for cell in self.pool.containers
            if cell.state is State.PREWARMED
            and (handle := self._handles.get(cell.number)) is not None
            and handle.container is not None
        ]

    def rungs(self) -> list[tuple[str | None, int, int]]:
        """Of each template that is up: the rung of RDMA sharing, workers, and places for more."""
        return [
            (handle.rdma, len(template.workers), max(0, template.slots - len(template.workers)))
            for template in self.pool.containers
            if template.forks
            and template.state is State.READY
            and (handle := self._handles.get(template.number)) is not None
        ]

    def stem_cell_lost(self, number: int, reason: str) -> None:
        """A stem cell was found dead; one that was given to an action meanwhile is left to it."""
        cell = self.pool.containers.get(number)
        if cell is not None and cell.state is State.PREWARMED:
            self.happen(ev.ContainerLost(number, reason))

    def give_up(self) -> int:
        """Begin nothing more; how many activations have not ended.

        Those that wait are answered now. Those that run are when their containers are removed,
        as the system's fault.
        """
        left = self.in_flight
        self._ending = self._runner.ending = True
        for job in self.pool.buffer:
            self._answer_unbegun(job)
        return left

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))

    # -- effects ----------------------------------------------------------------------------

    def _carry_out(self, effect: fx.Effect) -> None:
        if self._ending and isinstance(effect, (fx.StartPrewarm, fx.Pause, fx.KillWorker)):
            return
        if self._ending and isinstance(effect, (fx.Run, fx.StartCold, fx.InitPrewarmed)):
            self._answer_unbegun(effect.job)
        elif isinstance(effect, fx.Run):
            self._run(effect)
        elif isinstance(effect, (fx.StartCold, fx.InitPrewarmed)):
            self._spawn(self._start(effect), effect.container)
        elif isinstance(effect, fx.StartPrewarm):
            self._spawn(self._stem_cell(effect), effect.container)
        elif isinstance(effect, fx.Abort):
            self._abort(effect)
        elif isinstance(effect, fx.KillWorker):
            self._spawn(self._kill_worker(effect))
        elif isinstance(effect, fx.Pause):
            self._spawn(self._pause(effect))
        elif isinstance(effect, fx.Remove):
            self._spawn(self._remove(effect))
        elif isinstance(effect, fx.FeedMore):
            self._feed_more(effect.count)
        elif self._ending:
            self._answer_unbegun(effect.job)
        else:
            self.no_room.add(self.activations[effect.job.activation_id])

    def _answer_unbegun(self, job: Job) -> None:
        """The invoker ends before the job began; one that was answered already is passed over."""
        activation = self.activations.pop(job.activation_id, None)
        if activation is not None:
            answering = self._unbegun.answer(activation, SHUT_DOWN)
            self._watch(asyncio.ensure_future(answering))

    def _run(self, effect: fx.Run) -> None:
        activation = self.activations[effect.job.activation_id]
        handle = self._handles[effect.container]
        task = asyncio.ensure_future(self._runner.run(effect, handle, activation))
        self._watch(task)
        task.add_done_callback(lambda done: self._ran(done, effect, activation))

    def _ran(self, task: asyncio.Task[bool], effect: fx.Run, activation: Activation) -> None:
        """A run ended. If by an error of ours, its caller is answered all the same."""
        activation_id = effect.job.activation_id
        if task.cancelled() or task.exception() is not None:
            self._watch(asyncio.ensure_future(self._unbegun.answer(activation)))
            self.happen(ev.JobFinished(effect.container, activation_id, False, False))
            self.activations.pop(activation_id, None)
        elif task.result():
            self.activations.pop(activation_id, None)

    async def _start(self, effect: fx.StartCold | fx.InitPrewarmed) -> None:
        activation = self.activations[effect.job.activation_id]
        if isinstance(effect, fx.StartCold):
            handle = self._handles[effect.container] = Handle(effect.container)
            async with handle.lifecycle:
                happened = await self._starter.cold(handle, activation, effect.slots)
        else:
            handle = self._handles[effect.container]
            async with handle.lifecycle:
                happened = await self._starter.initialise(handle, activation, effect.slots)
        self.happen(happened)
        self._check_device(handle)

    async def _stem_cell(self, effect: fx.StartPrewarm) -> None:
        handle = self._handles[effect.container] = Handle(effect.container)
        async with handle.lifecycle:
            happened = await self._starter.stem_cell(handle, effect.kind, effect.memory_mb)
        self.happen(happened)
        self._check_device(handle)

    def _abort(self, effect: fx.Abort) -> None:
        """Registered with the container at once: its removal waits until the logs were read."""
        activation = self.activations.pop(effect.job.activation_id, None)
        if activation is None:
            return
        handle = self._handles[effect.container]
        text = SHUT_DOWN if self._ending else None
        self._watch(handle.add_tail(self._unbegun.answer_aborted(activation, handle, text)))

    async def _kill_worker(self, effect: fx.KillWorker) -> None:
        self._metrics.worker_ended(effect.reason)
        handle = self._handles[effect.container]
        assert handle.container is not None
        try:
            async with handle.lifecycle:
                if handle.paused:
                    await handle.container.resume()
                    handle.paused = False
                await handle.container.kill_worker(effect.worker)
        except SystemFault as fault:
            self.happen(ev.ContainerLost(effect.container, f"could not end a worker: {fault}"))
        self.happen(ev.WorkerGone(effect.container, effect.worker))

    async def _pause(self, effect: fx.Pause) -> None:
        handle = self._handles[effect.container]
        assert handle.container is not None
        async with handle.lifecycle:
            await handle.settled()
            try:
                await handle.container.suspend()
                handle.paused = True
            except SystemFault as fault:
                self._not_kept(handle, f"could not be paused: {fault}")
                self.happen(ev.ContainerLost(effect.container, "could not be paused"))

    async def _remove(self, effect: fx.Remove) -> None:
        handle = self._handles.get(effect.container)
        if handle is not None:
            self._not_kept(handle, effect.reason)
            self._metrics.removed(effect.reason)
            async with handle.lifecycle:
                await handle.settled()
                if handle.container is not None:
                    await removal.remove(handle.container)
            del self._handles[effect.container]
        self.happen(ev.ContainerRemoved(effect.container))

    # -- tasks --------------------------------------------------------------------------------

    def _spawn(self, work: Coroutine[Any, Any, None], container: int | None = None) -> None:
        task = asyncio.ensure_future(work)
        self._watch(task)
        if container is not None:
            task.add_done_callback(lambda done: self._started(done, container))

    def _watch(self, task: asyncio.Task[Any]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _started(self, task: asyncio.Task[None], container: int) -> None:
        """A start that ended by an error of ours fails its container, and so answers its jobs."""
        if not task.cancelled() and task.exception() is not None:
            self.happen(ev.ContainerFailed(container))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            logger.error("internal-error", exc_info=task.exception())

    @staticmethod
    def _not_kept(handle: Handle, reason: str) -> None:
        """Why a container was not kept is the first thing users ask (OpenWhisk #5197)."""
        identity = handle.container.id[:12] if handle.container else None
        event(logger, logging.WARNING, "container-not-kept", container=identity, reason=reason)
