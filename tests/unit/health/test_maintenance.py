"""A disabled invoker stays so over a restart, where a file was given for it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from invoker_plugin.health.maintenance import Maintenance
from invoker_plugin.health.pinger import Pinger
from tests.unit.health.test_pinger import INSTANCE, Bus


def _pinger(bus: Bus, file: Path | None) -> Pinger:
    return Pinger(bus, "health", INSTANCE, [], Maintenance(str(file) if file else None))


def test_disabled_survives_a_restart_until_enabled(tmp_path: Path) -> None:
    async def scenario() -> None:
        file, bus = tmp_path / "disabled", Bus()
        await _pinger(bus, file).disable()
        again = _pinger(bus, file)
        assert not again.enabled
        again.start()
        await again.enable()
        await bus.until_tries(2)
        assert bus.enabled == [False, True]
        assert _pinger(bus, file).enabled
        await again.stop()
        assert _pinger(bus, file).enabled, "the goodbye of a shutdown is no wish of the operator"

    asyncio.run(scenario())


def test_without_a_file_a_restart_enables_it_as_stock_does(tmp_path: Path) -> None:
    async def scenario() -> None:
        await _pinger(Bus(), None).disable()
        assert _pinger(Bus(), None).enabled

    asyncio.run(scenario())


def test_file_that_cannot_be_made_is_told_and_it_is_disabled_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def scenario() -> None:
        pinger = _pinger(Bus(), tmp_path / "no" / "such" / "directory")
        await pinger.disable()
        assert not pinger.enabled

    asyncio.run(scenario())
    assert "maintenance-not-kept" in [r.getMessage() for r in caplog.records]
