"""How many stem cells there are (behaviours 54 to 60)."""

from __future__ import annotations

from invoker_plugin.pool import PoolSettings, PrewarmTarget
from invoker_plugin.pool import effects as fx
from invoker_plugin.pool import events as ev
from tests.unit.pool.driver import World, job
from tests.unit.pool.test_starts import only

KIND = "python:3-rdma"
INTERVAL_MS = 1000


def with_cells(
    minimum: int, maximum: int = 8, ttl_ms: int | None = None, memory_mb: int = 8192, **other: int
) -> World:
    """A pool that was told the time once, with the stem cells that it made then."""
    limit = other.pop("limit", 100)
    target = PrewarmTarget(KIND, 128, minimum, maximum, ttl_ms, **other)
    here = World(PoolSettings(memory_mb, 10**6, 10**6, (target,), INTERVAL_MS, limit))
    tick(here)
    return here


def tick(here: World, later_ms: int = 1) -> tuple[int, int]:
    """Time passes; how many stem cells were removed and how many made."""
    effects = here.step(ev.Tick(), later_ms)
    while here.removing:
        effects += here.removed()
    for number in list(here.prewarming):
        here.prewarmed(number)
    return len(only(effects, fx.Remove)), len(only(effects, fx.StartPrewarm))


def test_initial_count_is_made_at_the_start_and_kept() -> None:
    here = with_cells(3)
    assert len(here.pool.containers) == 3
    assert tick(here, 10 * INTERVAL_MS) == (0, 0)


def test_stem_cells_never_pass_the_memory() -> None:
    here = with_cells(8, memory_mb=300)
    assert len(here.pool.containers) == 2
    assert here.pool.containers.used_mb == 256


def test_a_lost_stem_cell_is_made_again() -> None:
    here = with_cells(2)
    here.step(ev.ContainerLost(1, "died"))
    (replacement,) = only(here.removed(), fx.StartPrewarm)
    assert isinstance(replacement, fx.StartPrewarm)


def test_expired_ones_go_oldest_first_and_as_many_as_allowed_then_the_minimum_is_made() -> None:
    here = with_cells(4, ttl_ms=500, limit=3)
    effects = here.step(ev.Tick(), INTERVAL_MS)
    gone = [effect.container for effect in only(effects, fx.Remove)]
    assert gone == [1, 2, 3]
    made = len(only(effects, fx.StartPrewarm))
    while here.removing:
        made += len(only(here.removed(), fx.StartPrewarm))
    assert made == 3


def test_wanted_count_follows_the_cold_starts_of_an_interval() -> None:
    here = with_cells(1, maximum=4, ttl_ms=10**6, threshold=2, increment=1)
    for number in range(7):  # one takes the stem cell, which is replaced; others start cold
        here.arrive(job(number, action=f"a{number}", swift=False))
        for cell in list(here.prewarming):
            here.prewarmed(cell)
    before = _cells(here)
    tick(here, INTERVAL_MS)
    assert before == 1
    assert _cells(here) == 1, "a stem cell was always there: no cold start"
    for number in range(10, 16):
        here.arrive(job(number, action=f"a{number}", kind=KIND, memory_mb=128, swift=False))
    tick(here, INTERVAL_MS)
    assert _cells(here) == 2, "5 cold starts, one for each 2"
    tick(here, INTERVAL_MS)
    assert here.pool._prewarmer._wanted[KIND, 128] == 1, "counted anew each interval"


def _cells(here: World) -> int:
    return sum(1 for container in here.pool.containers if container.state.value == "prewarmed")


def test_wanted_count_stays_between_minimum_and_maximum() -> None:
    target = PrewarmTarget(KIND, 128, 2, 5, 1, threshold=3, increment=2)
    assert [target.wanted(n) for n in (0, 2, 3, 6, 9, 300)] == [2, 2, 2, 4, 5, 5]
