"""Disks fill up: that of the containers' logs, and that of the records."""

from __future__ import annotations

from pathlib import Path

import pytest

from invoker_plugin.wire import texts
from tests.integration.reliability.conftest import MakeWorld
from tests.integration.reliability.small_disk import small_disk
from tests.integration.reliability.surroundings import Surroundings
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]


def test_full_disk_of_logs_costs_logs_and_no_result(
    make_world: MakeWorld, surroundings: Surroundings
) -> None:
    # Docker keeps a container's log and its configuration here.
    containers = surroundings.paths.data / "docker" / "containers"
    with small_disk(containers, "1m") as disk:
        world = make_world()
        (before,) = world.invoke()
        world.caller.await_completed([before])
        # Its container is free for the next: there will be no room for another.
        eventually(lambda: world.invoker.state()["in_flight"] == 0, "a free container", 30)
        disk.fill()
        # More than the log's last page still has room for.
        (during,) = world.invoke(1, blocking=True, log_bytes=10_000)
        world.caller.await_completed([during])
        eventually(lambda: world.has_all_records([during]), "its record", 30)
        record = world.surroundings.records([during])[during]
        assert record["response"]["result"] == {"id": during}
        assert texts.LOG_FAILURE in record["logs"][-1]
        # With no room even for a container, it is the system that failed and says so.
        (failed,) = world.invoke()
        world.caller.await_completed([failed])
        eventually(lambda: world.has_all_records([failed]), "its record", 30)
        response = world.surroundings.records([failed])[failed]["response"]
        assert response["statusCode"] == 3, response
        disk.clear()
        after = world.invoke(3)
        world.caller.await_completed(after)
        world.assert_each_ran_once([before, during, *after])
        eventually(lambda: world.has_all_records(after), "records", 30)
        world.assert_each_has_its_record(after)
        assert world.invoker.stop() == 0


def test_full_disk_of_records_is_told_and_acks_wait_for_the_store(
    make_world: MakeWorld, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "small", "512k") as disk:
        world = make_world(store__spool_directory=str(disk.directory))
        (before,) = world.invoke()
        world.caller.await_completed([before])
        disk.fill()
        during = world.invoke(5)
        world.caller.await_completed(during)
        # No ack came before its record was in the store.
        assert world.has_all_records(during)
        told = world.invoker.events("spool-unwritable")
        assert len(told) == 1
        assert "No space left on device" in told[0]["error"]
        disk.clear()
        after = world.invoke(2)
        world.caller.await_completed(after)
        assert world.invoker.events("spool-writable-again")
        everything = [before, *during, *after]
        world.assert_each_ran_once(everything)
        eventually(lambda: world.has_all_records(everything), "records", 30)
        assert world.invoker.stop() == 0
        world.assert_each_has_its_record(everything)
