"""What is counted is what happened, and the labels stay few."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

from invoker_plugin.metrics.activations import ActivationMetrics
from invoker_plugin.metrics.loop_lag import LoopLag
from invoker_plugin.metrics.metrics import Metrics
from invoker_plugin.metrics.standing import Slots, Standing
from tests.prometheus import series, value


def _text(metrics: Metrics, standing: Standing | None = None) -> str:
    return asyncio.run(metrics.text(lambda: standing or Standing())).decode()


def _report(start: str, **phases: float) -> SimpleNamespace:
    every = ("container_ms", "init_ms", "fork_ms", "rdma_ms", "run_ms")
    return SimpleNamespace(start=start, queue_ms=1.0, **{**dict.fromkeys(every), **phases})


def test_phases_are_in_seconds_and_only_those_that_happened() -> None:
    metrics = Metrics("invoker0")
    metrics.activations.ran(_report("fork", fork_ms=30.0, run_ms=250.0), 0, 12, 300)
    text = _text(metrics)
    assert value(text, "swift_invoker_activations_total", start="fork", outcome="success") == 1
    sums = {
        labels["phase"]: total for labels, total in series(text)["swift_invoker_phase_seconds_sum"]
    }
    assert sums == {"wait": 0.012, "queue": 0.001, "fork": 0.03, "run": 0.25, "end_to_end": 0.3}
    run = {"phase": "run", "start": "fork"}
    assert value(text, "swift_invoker_phase_seconds_bucket", le="0.25", **run) == 1
    assert value(text, "swift_invoker_phase_seconds_bucket", le="0.1", **run) == 0


def test_every_start_and_outcome_is_there_from_the_start_on() -> None:
    found = series(_text(Metrics("invoker0")))["swift_invoker_activations_total"]
    assert len(found) == 5 * 4
    assert {number for _, number in found} == {0}
    assert all(not name.endswith("_created") for name in series(_text(Metrics("invoker0"))))


def test_series_stay_few_however_much_happens() -> None:
    metrics = Metrics("invoker0")
    every = {"container_ms": 1.0, "init_ms": 1.0, "fork_ms": 1.0, "rdma_ms": 1.0, "run_ms": 1.0}
    for start in ("cold", "prewarm", "warm", "fork"):
        for status in range(4):
            for _ in range(3):
                metrics.activations.ran(_report(start, **every), status, 1, 1)
    for reason in ("room for another activation", "could not end a worker: 1", "2", "3"):
        metrics.containers.removed(reason)
        metrics.containers.worker_ended(reason)
    assert sum(len(one) for one in series(_text(metrics)).values()) < 1500


def test_reasons_become_a_few_causes() -> None:
    metrics = Metrics("invoker0")
    metrics.containers.removed("room for another activation")
    metrics.containers.removed("could not end a worker: Docker is away")
    metrics.containers.worker_ended("idle time over")
    text = _text(metrics)
    removed = "swift_invoker_containers_removed_total"
    assert value(text, removed, cause="eviction") == 1
    assert value(text, removed, cause="other") == 1
    assert value(text, "swift_invoker_workers_ended_total", cause="idle") == 1


def test_standing_is_of_the_moment_of_the_scrape() -> None:
    metrics = Metrics("invoker0")
    standing = Standing(
        phase="draining",
        enabled=False,
        ill="Docker does not answer",
        ping_stops={"Docker does not answer": 2},
        containers={"ready": 3, "paused": 1},
        slots={"shared": Slots(2, 14)},
        ready_networks={"ready": 4},
        network_starts={"joined": 9},
        used_mb=512,
        oldest_wait_ms=1500,
        records_dropped=1,
    )
    text = _text(metrics, standing)
    assert value(text, "swift_invoker_phase", phase="draining") == 1
    assert value(text, "swift_invoker_phase", phase="up") == 0
    assert value(text, "swift_invoker_healthy") == 0
    assert value(text, "swift_invoker_ping_stops_total", reason="Docker does not answer") == 2
    assert value(text, "swift_invoker_containers", state="ready") == 3
    assert value(text, "swift_invoker_rdma_slots", rung="shared", state="free") == 14
    assert value(text, "swift_invoker_ready_networks", state="ready") == 4
    assert value(text, "swift_invoker_ready_network_starts_total", result="joined") == 9
    assert value(text, "swift_invoker_ready_network_starts_total", result="not_joined") == 0
    assert value(text, "swift_invoker_memory_used_bytes") == 512 * 1024 * 1024
    assert value(text, "swift_invoker_oldest_wait_seconds") == 1.5
    assert value(text, "swift_invoker_records_dropped_total") == 1
    assert value(_text(metrics), "swift_invoker_healthy") == 1


def test_two_invokers_of_one_process_count_apart() -> None:
    one, other = Metrics("invoker0"), Metrics("invoker1")
    one.activations.unstarted(3)
    total = "swift_invoker_activations_total"
    assert value(_text(one), total, start="none", outcome="whisk_error") == 1
    assert value(_text(other), total) == 0
    assert isinstance(one.activations, ActivationMetrics)


def test_a_loop_that_is_held_up_shows() -> None:
    async def scenario() -> tuple[float, float]:
        lag = LoopLag()
        running = asyncio.ensure_future(lag.run())
        await asyncio.sleep(0)
        held_s = 0.6
        time.sleep(held_s)
        while not lag.worst_ms:
            await asyncio.sleep(0.01)
        running.cancel()
        return lag.take_ms(), lag.take_ms()

    worst_ms, after_ms = asyncio.run(scenario())
    assert worst_ms > 100
    assert after_ms == 0
