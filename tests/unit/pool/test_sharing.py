"""Who may share a container with whom, and who makes room for whom (behaviours 31 to 51)."""

from __future__ import annotations

import pytest

from invoker_plugin.pool import PoolSettings, PrewarmTarget
from invoker_plugin.pool import effects as fx
from invoker_plugin.pool import events as ev
from invoker_plugin.pool.job import ActionKey, Job, Start
from tests.unit.pool.driver import World, job
from tests.unit.pool.test_starts import only, world


def plain(number: int, version: str = "0.0.1", **changes: object) -> Job:
    given = job(number, swift=False, **changes)  # type: ignore[arg-type]
    key = ActionKey(given.key.namespace, given.key.action, version, given.key.revision)
    return Job(
        given.activation_id, key, "python:3", given.memory_mb, 0, given.concurrency, swift=False
    )


def warm_container(here: World, first: Job) -> int:
    (cold,) = here.arrive(first)
    here.ready(cold.container)
    here.finish(first.activation_id)
    return int(cold.container)


def test_same_action_of_the_same_namespace_is_warm() -> None:
    here = world()
    number = warm_container(here, plain(1))
    (run,) = here.arrive(plain(2))
    assert (run.container, run.start) == (number, Start.WARM)


@pytest.mark.parametrize(
    "changes", [{"namespace": "other"}, {"action": "b"}, {"version": "0.0.2"}, {"revision": "2"}]
)
def test_what_differs_never_shares_a_container(changes: dict[str, str]) -> None:
    here = world()
    number = warm_container(here, plain(1))
    (cold,) = here.arrive(plain(2, **changes))
    assert isinstance(cold, fx.StartCold)
    assert cold.container != number


def test_a_full_pool_evicts_and_does_not_share() -> None:
    here = world(memory_mb=128)
    number = warm_container(here, plain(1))
    effects = here.arrive(plain(2, namespace="other"))
    (gone,) = only(effects, fx.Remove)
    assert gone.container == number
    (cold,) = only(here.removed(), fx.StartCold)
    assert cold.job.activation_id == "activation2"


def test_activations_at_once_of_two_namespaces_have_a_container_each() -> None:
    here = world()
    (first,) = here.arrive(plain(1, concurrency=4))
    (second,) = here.arrive(plain(2, namespace="other", concurrency=4))
    assert isinstance(second, fx.StartCold)
    assert first.container != second.container


def test_warm_is_taken_before_one_that_is_starting() -> None:
    here = world()
    warm_container(here, plain(1, concurrency=2))
    here.arrive(plain(2, concurrency=2))
    here.arrive(plain(3, concurrency=2))
    (starting,) = here.arrive(plain(4, concurrency=2))
    assert isinstance(starting, fx.StartCold)
    here.finish("activation2")
    (run,) = here.arrive(plain(5, concurrency=2))
    assert (run.container, run.start) == (1, Start.WARM)
    assert here.arrive(plain(6, concurrency=2)) == [], "it joins the one that is starting"


def test_a_full_container_is_never_chosen() -> None:
    here = world()
    warm_container(here, plain(1, concurrency=2))
    here.arrive(plain(2, concurrency=2))
    here.arrive(plain(3, concurrency=2))
    (cold,) = here.arrive(plain(4, concurrency=2))
    assert isinstance(cold, fx.StartCold)


def test_several_small_containers_go_for_one_large_action() -> None:
    here = world(memory_mb=512)
    for number in range(1, 5):
        warm_container(here, plain(number, action=f"a{number}"))
    effects = here.arrive(plain(9, action="large", memory_mb=384))
    assert [gone.container for gone in only(effects, fx.Remove)] == [1, 2, 3]


def test_memory_of_all_containers_counts() -> None:
    here = world(memory_mb=512, prewarm=(PrewarmTarget("nodejs:20", 128, 1, 1),))
    here.step(ev.Tick())
    here.arrive(plain(1, action="a"))
    here.arrive(plain(2, action="b"))
    (cold,) = here.arrive(plain(3, action="c"))
    assert isinstance(cold, fx.StartCold)
    (waits,) = here.arrive(plain(4, action="d"))
    assert isinstance(waits, fx.Buffered)


def test_stem_cells_stay_while_something_runs_and_go_when_nothing_does() -> None:
    here = world(memory_mb=256, prewarm=(PrewarmTarget("nodejs:20", 128, 1, 1),))
    (cell,) = here.step(ev.Tick())
    here.prewarmed(cell.container)
    (cold,) = here.arrive(plain(1))
    here.ready(cold.container)
    assert not only(here.arrive(plain(2, action="large", memory_mb=256)), fx.Remove)
    gone = [effect.container for effect in only(here.finish("activation1"), fx.Remove)]
    assert sorted(gone) == [cell.container, cold.container]


def test_a_full_pool_asks_the_feed_for_no_more() -> None:
    here = world(memory_mb=128)
    (cold,) = here.arrive(plain(1))
    here.arrive(plain(2, action="b"))
    here.arrive(plain(3, action="c"))
    here.ready(cold.container)
    assert not only(here.finish("activation1"), fx.FeedMore), "two still wait"
    (second,) = only(here.removed(), fx.StartCold)
    here.ready(second.container)
    here.finish("activation2")
    (third,) = only(here.removed(), fx.StartCold)
    here.ready(third.container)
    assert here.fed == 2, "nothing waits any more"
    assert only(here.finish("activation3"), fx.FeedMore) == [fx.FeedMore(1)]


def test_one_event_places_the_head_once() -> None:
    here = world(memory_mb=256)
    for number, action in ((1, "a"), (2, "b")):
        (cold,) = here.arrive(plain(number, action=action))
        here.ready(cold.container)
    here.arrive(plain(3, action="c"))
    here.finish("activation1")
    effects = here.removed()
    assert [effect.job.activation_id for effect in only(effects, fx.StartCold)] == ["activation3"]
    assert not here.pool.buffer


def test_a_container_that_is_to_go_takes_no_more() -> None:
    here = world()
    number = warm_container(here, plain(1))
    here.step(ev.ContainerLost(number, "killed from outside"))
    (cold,) = here.arrive(plain(2))
    assert isinstance(cold, fx.StartCold)


def test_use_is_counted_up_and_down() -> None:
    here = world()
    number = warm_container(here, plain(1, concurrency=2))
    container = here.pool.containers.get(number)
    assert container is not None
    used_ms = container.last_used_ms
    here.arrive(plain(2, concurrency=2))
    here.arrive(plain(3, concurrency=2))
    assert container.in_flight == 2
    assert container.last_used_ms > used_ms
    here.finish("activation2")
    assert container.in_flight == 1


def test_stem_cell_of_another_kind_or_memory_is_not_taken() -> None:
    targets = (PrewarmTarget("nodejs:20", 128, 1, 1), PrewarmTarget("python:3", 256, 1, 1))
    here = World(PoolSettings(8192, prewarm=targets))
    for effect in here.step(ev.Tick()):
        here.prewarmed(effect.container)  # type: ignore[union-attr]
    assert [type(effect) for effect in here.arrive(plain(1))] == [fx.StartCold]
