"""A driver of the pool for tests: it plays the world, and checks after each step what must hold."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from invoker_plugin.pool import Pool, PoolSettings
from invoker_plugin.pool import effects as fx
from invoker_plugin.pool import events as ev
from invoker_plugin.pool.effects import Effect
from invoker_plugin.pool.events import Event
from invoker_plugin.pool.job import ActionKey, Job, Policy


def job(
    number: int,
    *,
    action: str = "a",
    namespace: str = "guest",
    revision: str = "1",
    memory_mb: int = 128,
    concurrency: int = 1,
    swift: bool = True,
    policy: Policy = Policy.AUTO,
    slots: int = 16,
    kind: str = "python:3-rdma",
) -> Job:
    """A job with short defaults."""
    key = ActionKey(namespace, action, "0.0.1", revision)
    return Job(f"activation{number}", key, kind, memory_mb, 0, concurrency, swift, policy, slots)


@dataclass
class World:
    """The pool's surroundings: what was asked of them and not answered yet."""

    settings: PoolSettings
    offered_slots: int = 16
    now_ms: int = 0
    arrived: dict[str, Job] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    running: dict[str, fx.Run] = field(default_factory=dict)
    starting: dict[int, fx.StartCold | fx.InitPrewarmed] = field(default_factory=dict)
    prewarming: dict[int, fx.StartPrewarm] = field(default_factory=dict)
    killing: list[fx.KillWorker] = field(default_factory=list)
    removing: list[int] = field(default_factory=list)
    owners: dict[int, ActionKey] = field(default_factory=dict)
    slot_owner: dict[tuple[int, str | None], str] = field(default_factory=dict)
    names: set[tuple[int, str]] = field(default_factory=set)
    fed: int = 0
    buffered: deque[str] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.pool = Pool(self.settings)

    def step(self, event: Event, later_ms: int = 1) -> list[Effect]:
        """Let the event happen and note what the pool asks for."""
        self.now_ms += later_ms
        if isinstance(event, ev.JobArrived):
            self.arrived[event.job.activation_id] = event.job
        effects = self.pool.handle(event, self.now_ms)
        for effect in effects:
            self._note(effect)
        self.check()
        return effects

    def arrive(self, new: Job) -> list[Effect]:
        return self.step(ev.JobArrived(new))

    def ready(self, container: int, slots: int | None = None) -> list[Effect]:
        asked = self.starting.pop(container).slots
        offered = min(asked, self.offered_slots if slots is None else slots)
        return self.step(ev.ContainerReady(container, offered))

    def fail(self, container: int) -> list[Effect]:
        self.starting.pop(container, None)
        self.prewarming.pop(container, None)
        return self.step(ev.ContainerFailed(container))

    def prewarmed(self, container: int) -> list[Effect]:
        del self.prewarming[container]
        return self.step(ev.PrewarmReady(container))

    def finish(
        self, activation_id: str, container: bool = True, worker: bool = True
    ) -> list[Effect]:
        run = self._ended_run(activation_id)
        self.ended.append(activation_id)
        return self.step(ev.JobFinished(run.container, activation_id, container, worker))

    def give_back(self, activation_id: str) -> list[Effect]:
        run = self._ended_run(activation_id)
        return self.step(ev.JobReturned(run.container, activation_id))

    def killed(self) -> list[Effect]:
        kill = self.killing.pop(0)
        return self.step(ev.WorkerGone(kill.container, kill.worker))

    def removed(self) -> list[Effect]:
        number = self.removing.pop(0)
        self.owners.pop(number, None)
        return self.step(ev.ContainerRemoved(number))

    def settle(self) -> None:
        """Let everything that is under way come to its end, until nothing is."""
        while self.starting or self.prewarming or self.running or self.killing or self.removing:
            if self.removing:
                self.removed()
            elif self.killing:
                self.killed()
            elif self.prewarming:
                self.prewarmed(next(iter(self.prewarming)))
            elif self.starting:
                self.ready(next(iter(self.starting)))
            else:
                self.finish(next(iter(self.running)))

    def _ended_run(self, activation_id: str) -> fx.Run:
        run = self.running.pop(activation_id)
        self.slot_owner.pop((run.container, run.worker), None)
        return run

    def _note(self, effect: Effect) -> None:
        if isinstance(effect, fx.Run):
            self._note_run(effect)
        elif isinstance(effect, (fx.StartCold, fx.InitPrewarmed)):
            self.prewarming.pop(effect.container, None)
            self.starting[effect.container] = effect
            assert self.owners.setdefault(effect.container, effect.job.key) == effect.job.key
        elif isinstance(effect, fx.StartPrewarm):
            self.prewarming[effect.container] = effect
        elif isinstance(effect, fx.KillWorker):
            assert (effect.container, effect.worker) not in self.slot_owner, "killed while it ran"
            self.killing.append(effect)
        elif isinstance(effect, fx.Remove):
            assert not any(run.container == effect.container for run in self.running.values())
            self.prewarming.pop(effect.container, None)
            self.killing = [k for k in self.killing if k.container != effect.container]
            self.removing.append(effect.container)
        elif isinstance(effect, fx.Abort):
            self.ended.append(effect.job.activation_id)
        elif isinstance(effect, fx.FeedMore):
            self.fed += effect.count
            assert not self.pool.buffer, "the feed was asked for more while jobs wait"

    def _note_run(self, run: fx.Run) -> None:
        activation_id = run.job.activation_id
        assert activation_id not in self.running, "run twice at once"
        assert activation_id not in self.ended, "run again after its end"
        assert self.owners[run.container] == run.job.key, (
            "shared over namespace, action or revision"
        )
        if run.worker is not None:
            assert (run.container, run.worker) not in self.slot_owner, "two in one worker"
            dying = [(kill.container, kill.worker) for kill in self.killing]
            assert (run.container, run.worker) not in dying, "run in a worker that is being killed"
            self.slot_owner[run.container, run.worker] = activation_id
            if run.fork:
                assert (run.container, run.worker) not in self.names, "a worker's name used twice"
                self.names.add((run.container, run.worker))
        self.running[activation_id] = run

    def check(self) -> None:
        """What holds after every step."""
        pool = self.pool
        assert pool.containers.used_mb <= self.settings.memory_mb, "memory exceeded"
        waiting = [j.activation_id for c in pool.containers for j in c.waiting]
        waiting += [j.activation_id for j in pool.buffer]
        everywhere = sorted(waiting + list(self.running) + self.ended)
        assert everywhere == sorted(self.arrived), "an activation was lost or doubled"
        for container in pool.containers:
            plain = not container.forks and container.state.value == "ready"
            if plain:
                assert len(container.running) <= container.concurrency
            if container.forks:
                assert len(container.workers) <= container.slots
        under_way = bool(
            self.starting or self.prewarming or self.running or self.killing or self.removing
        )
        assert under_way or not pool.buffer, "a job waits and nothing will ever make room for it"
