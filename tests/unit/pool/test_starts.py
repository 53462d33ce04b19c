"""Which start an activation gets, case by case."""

from __future__ import annotations

from invoker_plugin.pool import PoolSettings, PrewarmTarget
from invoker_plugin.pool import effects as fx
from invoker_plugin.pool import events as ev
from invoker_plugin.pool.job import Policy, Start
from tests.unit.pool.driver import World, job


def world(memory_mb: int = 8192, **other: object) -> World:
    return World(PoolSettings(memory_mb, **other))  # type: ignore[arg-type]


def only(effects: list[fx.Effect], kind: type) -> list[fx.Effect]:
    return [effect for effect in effects if isinstance(effect, kind)]


def test_burst_on_an_idle_invoker_costs_one_cold_start_and_the_rest_forks() -> None:
    here = world()
    started = [effect for n in range(16) for effect in here.arrive(job(n))]
    assert [type(effect) for effect in started] == [fx.StartCold]
    runs = only(here.ready(started[0].container), fx.Run)
    assert [run.start for run in runs] == [Start.COLD] + [Start.FORK] * 15
    assert len({run.worker for run in runs}) == 16
    assert all(run.fork for run in runs)


def test_idle_worker_is_used_again_before_a_fork() -> None:
    here = world()
    (cold,) = here.arrive(job(1))
    (first,) = here.ready(cold.container)
    here.finish("activation1")
    (second,) = here.arrive(job(2))
    assert (second.start, second.worker, second.fork) == (Start.WARM, first.worker, False)
    (third,) = here.arrive(job(3))
    assert (third.start, third.fork) == (Start.FORK, True)


def test_template_without_free_slot_leads_to_a_second_container() -> None:
    here = world()
    (cold,) = here.arrive(job(1, slots=2))
    here.arrive(job(2, slots=2))
    here.ready(cold.container)
    (other,) = here.arrive(job(3, slots=2))
    assert isinstance(other, fx.StartCold)
    assert other.container != cold.container


def test_template_that_can_not_be_forked_is_one_worker_and_says_why() -> None:
    here = world()
    (cold,) = here.arrive(job(1))
    here.arrive(job(2))
    del here.starting[cold.container]
    effects = here.step(ev.ContainerReady(cold.container, 0, "template has 3 threads after init"))
    (run,) = only(effects, fx.Run)
    assert run.worker is None
    assert "3 threads" in run.reason
    (second,) = only(effects, fx.StartCold)
    assert second.job.activation_id == "activation2"


def test_policy_fork_never_uses_a_worker_twice() -> None:
    here = world()
    (cold,) = here.arrive(job(1, policy=Policy.FORK))
    here.ready(cold.container)
    effects = here.finish("activation1")
    assert only(effects, fx.KillWorker)
    (second,) = here.arrive(job(2, policy=Policy.FORK))
    assert second.start is Start.FORK


def test_policy_warm_never_forks_a_second_worker() -> None:
    here = world()
    (cold,) = here.arrive(job(1, policy=Policy.WARM))
    assert cold.slots == 1
    here.ready(cold.container)
    (second,) = here.arrive(job(2, policy=Policy.WARM))
    assert isinstance(second, fx.StartCold)


def test_policy_cold_takes_a_new_container_each_time() -> None:
    here = world()
    (first,) = here.arrive(job(1, policy=Policy.COLD))
    here.ready(first.container)
    effects = here.finish("activation1")
    assert only(effects, fx.Remove)
    (second,) = here.arrive(job(2, policy=Policy.COLD))
    assert isinstance(second, fx.StartCold)


def test_plain_container_is_reused_and_shared_up_to_the_action_concurrency() -> None:
    here = world()
    (cold,) = here.arrive(job(1, swift=False, concurrency=2))
    assert cold.slots == 0
    assert here.arrive(job(2, swift=False, concurrency=2)) == []
    runs = only(here.ready(cold.container), fx.Run)
    assert [(run.start, run.worker) for run in runs] == [(Start.COLD, None), (Start.WARM, None)]
    (third,) = here.arrive(job(3, swift=False, concurrency=2))
    assert isinstance(third, fx.StartCold)


def test_stem_cell_of_kind_and_memory_is_taken_and_replaced() -> None:
    here = world(prewarm=(PrewarmTarget("python:3-rdma", 128, 1, 1),))
    (cell,) = here.step(ev.Tick())
    here.prewarmed(cell.container)
    taken, replacement = here.arrive(job(1))
    assert isinstance(taken, fx.InitPrewarmed)
    assert isinstance(replacement, fx.StartPrewarm)
    (run,) = only(here.ready(taken.container), fx.Run)
    assert run.start is Start.PREWARM
    (other,) = here.arrive(job(2, memory_mb=256, action="b"))
    assert isinstance(other, fx.StartCold), "other memory, no stem cell"


def test_failing_stem_cells_are_retried_with_growing_pauses() -> None:
    here = world(prewarm=(PrewarmTarget("python:3-rdma", 128, 1, 1),))
    attempts = 0
    for _ in range(100):
        for effect in here.step(ev.Tick(), later_ms=1000):
            if isinstance(effect, fx.StartPrewarm):
                attempts += 1
                here.fail(effect.container)
                here.removed()
    assert 3 <= attempts <= 10


def test_eviction_takes_the_least_recently_used_and_no_more_than_needed() -> None:
    here = world(memory_mb=512)
    for number, action in ((1, "a"), (2, "b")):
        (cold,) = here.arrive(job(number, action=action))
        here.ready(cold.container)
        here.finish(f"activation{number}")
    effects = here.arrive(job(3, action="c", swift=False))
    (kill,) = only(effects, fx.KillWorker)
    assert kill.container == 1, "the idle worker of the action that was used first"
    assert not only(effects, fx.Remove)
    (placed,) = only(here.killed(), fx.StartCold)
    assert placed.job.activation_id == "activation3"


def test_nothing_is_evicted_when_it_would_not_suffice() -> None:
    here = world(memory_mb=512)
    (cold,) = here.arrive(job(1, action="a"))
    here.ready(cold.container)
    (other,) = here.arrive(job(2, action="b", swift=False))
    here.ready(other.container)
    here.finish("activation2")
    effects = here.arrive(job(3, action="c", memory_mb=512, swift=False))
    assert [type(effect) for effect in effects] == [fx.Buffered]


def test_waiting_jobs_keep_their_order() -> None:
    here = world(memory_mb=128)
    (cold,) = here.arrive(job(1, action="a", swift=False))
    here.arrive(job(2, action="b", swift=False))
    here.arrive(job(3, action="a", swift=False))
    here.ready(cold.container)
    here.finish("activation1")
    assert [j.activation_id for j in here.pool.buffer] == ["activation2", "activation3"]
    (placed,) = only(here.removed(), fx.StartCold)
    assert placed.job.activation_id == "activation2"


def test_a_returned_job_goes_first_and_keeps_its_place_in_the_feed() -> None:
    here = world()
    (cold,) = here.arrive(job(1, swift=False))
    here.ready(cold.container)
    effects = here.give_back("activation1")
    assert only(effects, fx.Remove)
    assert only(effects, fx.StartCold)
    assert not only(effects, fx.FeedMore)


def test_idle_container_is_paused_then_resumed_for_a_job_and_removed_in_the_end() -> None:
    here = world(pause_grace_ms=50, idle_timeout_ms=1000)
    (cold,) = here.arrive(job(1))
    here.ready(cold.container)
    here.finish("activation1")
    assert here.step(ev.Tick(), later_ms=10) == []
    assert here.step(ev.Tick(), later_ms=50) == [fx.Pause(cold.container)]
    (run,) = here.arrive(job(2))
    assert run.resume
    here.finish("activation2")
    (gone,) = here.step(ev.Tick(), later_ms=1000)
    assert isinstance(gone, fx.Remove)


def test_next_cold_start_says_why_the_last_container_went() -> None:
    here = world(pause_grace_ms=50, idle_timeout_ms=1000)
    (cold,) = here.arrive(job(1))
    (first,) = here.ready(cold.container)
    assert first.reason == "no container of this action had room"
    here.finish("activation1")
    (gone,) = here.step(ev.Tick(), later_ms=1000)
    here.step(ev.ContainerRemoved(gone.container))
    (again,) = here.arrive(job(2))
    (run,) = here.ready(again.container)
    assert run.reason == ("no container of this action had room; the last one went: idle time over")


def test_failed_container_aborts_all_that_waited_for_it() -> None:
    here = world()
    (cold,) = here.arrive(job(1))
    here.arrive(job(2))
    effects = here.fail(cold.container)
    aborted = [effect.job.activation_id for effect in only(effects, fx.Abort)]
    assert aborted == ["activation1", "activation2"]
    assert only(effects, fx.FeedMore) == [fx.FeedMore(2)]


def test_a_dead_worker_leaves_template_and_siblings() -> None:
    here = world()
    (cold,) = here.arrive(job(1))
    here.arrive(job(2))
    here.ready(cold.container)
    effects = here.finish("activation1", worker=False)
    assert not only(effects, fx.Remove)
    (third,) = here.arrive(job(3))
    assert (third.start, third.worker) == (Start.FORK, "w3")
