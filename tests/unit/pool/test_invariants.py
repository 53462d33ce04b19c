"""Random event sequences: what must hold after each event holds (see ``World.check``)."""

from __future__ import annotations

from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from invoker_plugin.pool import PoolSettings, PrewarmTarget
from invoker_plugin.pool import events as ev
from invoker_plugin.pool.job import Policy
from tests.unit.pool.driver import World, job


class AnyOrder(RuleBasedStateMachine):
    """Arrivals, answers, failures, deaths and time in any order."""

    @initialize(
        memory=st.sampled_from([512, 768, 1536, 2048]),
        offered=st.sampled_from([0, 1, 3, 16]),
        prewarm=st.sampled_from([0, 0, 1, 2]),
        ttl=st.sampled_from([None, 50]),
    )
    def begin(self, memory: int, offered: int, prewarm: int, ttl: int | None) -> None:
        target = PrewarmTarget("python:3-rdma", 128, prewarm, prewarm + 2, ttl)
        self.world = World(
            PoolSettings(memory, 20, 100, (target,), prewarm_check_ms=60), offered_slots=offered
        )
        self.count = 0
        self.world.step(ev.Tick())

    @rule(
        action=st.sampled_from("abc"),
        namespace=st.sampled_from(["guest", "other"]),
        revision=st.sampled_from("12"),
        memory=st.sampled_from([128, 128, 256]),
        swift=st.booleans(),
        policy=st.sampled_from(Policy),
        slots=st.sampled_from([1, 2, 16]),
        concurrency=st.sampled_from([1, 1, 4]),
    )
    def arrive(
        self,
        action: str,
        namespace: str,
        revision: str,
        memory: int,
        swift: bool,
        policy: Policy,
        slots: int,
        concurrency: int,
    ) -> None:
        self.count += 1
        # What an action is like follows from its revision: all of its jobs are alike.
        name = f"{action}-{memory}-{swift}-{policy.value}-{slots}-{concurrency}"
        self.world.arrive(
            job(
                self.count,
                action=name,
                namespace=namespace,
                revision=revision,
                memory_mb=memory,
                swift=swift,
                policy=policy,
                slots=slots,
                concurrency=concurrency,
            )
        )

    @precondition(lambda self: self.world.starting)
    @rule(data=st.data())
    def ready(self, data: st.DataObject) -> None:
        self.world.ready(data.draw(st.sampled_from(sorted(self.world.starting))))

    @precondition(lambda self: self.world.starting or self.world.prewarming)
    @rule(data=st.data())
    def fail(self, data: st.DataObject) -> None:
        numbers = sorted([*self.world.starting, *self.world.prewarming])
        self.world.fail(data.draw(st.sampled_from(numbers)))

    @precondition(lambda self: self.world.prewarming)
    @rule(data=st.data())
    def prewarmed(self, data: st.DataObject) -> None:
        self.world.prewarmed(data.draw(st.sampled_from(sorted(self.world.prewarming))))

    @precondition(lambda self: self.world.running)
    @rule(data=st.data(), container=st.booleans(), worker=st.booleans())
    def finish(self, data: st.DataObject, container: bool, worker: bool) -> None:
        activation = data.draw(st.sampled_from(sorted(self.world.running)))
        self.world.finish(activation, container or worker, worker)

    @precondition(lambda self: self.world.running)
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        self.world.give_back(data.draw(st.sampled_from(sorted(self.world.running))))

    @precondition(lambda self: self.world.killing)
    @rule()
    def killed(self) -> None:
        self.world.killed()

    @precondition(lambda self: self.world.removing)
    @rule()
    def removed(self) -> None:
        self.world.removed()

    @precondition(lambda self: len(self.world.pool.containers))
    @rule(data=st.data())
    def lost(self, data: st.DataObject) -> None:
        numbers = [c.number for c in self.world.pool.containers if c.state.value == "ready"]
        if numbers:
            number = data.draw(st.sampled_from(numbers))
            self.world.step(ev.ContainerLost(number, "killed from outside"))

    @rule(later=st.sampled_from([1, 25, 120]))
    def tick(self, later: int) -> None:
        self.world.step(ev.Tick(), later)

    def teardown(self) -> None:
        """Whatever happened, everything that waits is served in the end, and the feed is paid."""
        if hasattr(self, "world"):
            self.world.settle()
            assert not self.world.pool.buffer
            assert sorted(self.world.ended) == sorted(self.world.arrived)
            assert self.world.fed == len(self.world.arrived)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = hypothesis_settings(max_examples=120, stateful_step_count=60, deadline=None)
