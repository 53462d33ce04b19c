from __future__ import annotations

from devstack.machine.wheels import requirements


def test_every_requirement_is_pinned_and_development_tools_are_not_wanted() -> None:
    wanted = requirements()
    assert any(line.startswith("confluent-kafka==") for line in wanted)
    assert not any("extra ==" in line for line in wanted)
    assert not any("--hash" in line for line in wanted)
