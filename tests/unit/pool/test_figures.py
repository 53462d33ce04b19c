"""The pool in numbers (behaviour 52)."""

from __future__ import annotations

from invoker_plugin.pool import PoolSettings, PrewarmTarget
from invoker_plugin.pool import events as ev
from invoker_plugin.pool.figures import PoolFigures
from tests.unit.pool.driver import World, job


def test_each_container_is_counted_once_with_its_memory() -> None:
    here = World(PoolSettings(1024, prewarm=(PrewarmTarget("nodejs:20", 256, 1, 1),)))
    (cell,) = here.step(ev.Tick())
    here.prewarmed(cell.container)
    (first,) = here.arrive(job(1))
    here.ready(first.container)
    (second,) = here.arrive(job(2, action="b", swift=False))
    here.ready(second.container)
    here.finish("activation2")
    here.arrive(job(3, action="c", memory_mb=768, swift=False))
    assert PoolFigures.of(here.pool) == PoolFigures(
        buffered=1,
        buffered_mb=768,
        active=1,
        active_mb=256,
        prewarmed=1,
        prewarmed_mb=256,
        idle=1,
        idle_mb=128,
        used_mb=640,
        limit_mb=1024,
    )
