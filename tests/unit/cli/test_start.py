"""What ends a start: one line and an exit code (behaviours 2, 143, 153)."""

from __future__ import annotations

from typing import Any

import pytest

from invoker_plugin.bus.memory import MemoryBus
from invoker_plugin.cli import assembly as module
from invoker_plugin.cli.main import main
from invoker_plugin.errors import SystemFault
from tests.unit.cli.test_assembly import settings_of


class RefusingBus(MemoryBus):
    """Makes no topic; notes whether anyone consumes."""

    consumers = 0

    async def ensure_topic(self, name: str, settings: Any) -> None:
        raise SystemFault(f"topic {name} cannot be made")

    def consumer(self, topic: str, group: str, max_peek: int) -> Any:
        type(self).consumers += 1
        return super().consumer(topic, group, max_peek)


def test_topic_that_cannot_be_made_ends_the_start_before_anything_is_consumed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "open_bus", lambda settings: RefusingBus())
    monkeypatch.setattr("invoker_plugin.cli.run.load", lambda *_: settings_of(PORT="0"))
    monkeypatch.setattr("invoker_plugin.log.configure", lambda level: None)
    assert main(["run"]) == 1
    assert capsys.readouterr().err == "swift-invoker: topic invoker7 cannot be made\n"
    assert RefusingBus.consumers == 0


class StoppingBus(MemoryBus):
    """Ends the start as soon as something is to be consumed, and notes what."""

    wanted: tuple[str, str] | None = None

    def consumer(self, topic: str, group: str, max_peek: int) -> Any:
        type(self).wanted = topic, group
        raise SystemFault("far enough")


def test_it_consumes_its_own_topic_as_a_group_of_that_name(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = settings_of(
        PORT="0", CONFIG_whisk_kafka_topics_prefix="prod-", CONFIG_whisk_couchdb_port="1"
    )
    monkeypatch.setattr(module, "open_bus", lambda settings: StoppingBus())
    monkeypatch.setattr("invoker_plugin.cli.run.load", lambda *_: settings)
    monkeypatch.setattr("invoker_plugin.log.configure", lambda level: None)
    assert main(["run"]) == 1
    assert "far enough" in capsys.readouterr().err
    assert StoppingBus.wanted == ("prod-invoker7", "prod-invoker7")


@pytest.mark.parametrize("arguments", [["run"], ["run", "--unique-name", "host-a"]])
def test_without_a_number_it_refuses_and_says_what_to_give(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 78
    assert "--id" in capsys.readouterr().err
