"""One machine over ssh: deployed, deployed again, verified, rolled back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.ansible.container_machine import ContainerMachine
from tests.e2e.ansible.fleet import Fleet
from tests.polling import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.store, pytest.mark.docker]
_STATE_S = 120.0
_STOCK = "docker run --detach --restart always --name invoker0 swift-test-python:latest"
LEFT = (
    "find / -xdev -not -path '/proc/*' -not -path '/var/lib/docker/*' -not -path '/root/.ansible*'"
    " \\( -iname '*swift-invoker*' -o -iname 'swift-*.service' -o -path '/etc/swift*' \\)"
)


@pytest.fixture(scope="module")
def fleet(make_fleet: Callable[..., Fleet[ContainerMachine]]) -> Fleet[ContainerMachine]:
    """One machine that has the images."""
    made = make_fleet("deployed")
    made.machines[0].load(["swift-test-python:latest", "swift-test-nodejs:latest"])
    return made


def test_a_dry_run_on_a_new_host_fails_nowhere(fleet: Fleet[ContainerMachine]) -> None:
    run = fleet.play("site.yml", "--check", "--diff")
    assert run.code == 0, run.output
    assert fleet.machines[0].run("sh", "-c", LEFT) == ""
    assert "db_invoker_pass" not in run.output
    assert fleet.stack.store.address.password not in run.output


def test_the_whole_deployment_and_once_more_without_any_change(
    fleet: Fleet[ContainerMachine],
) -> None:
    machine = fleet.machines[0]
    machine.run("sh", "-c", _STOCK)
    first = fleet.play("site.yml")
    assert first.code == 0, first.output
    assert first.changed["deployed"] > 10
    assert fleet.states()["invoker0"] == "up"
    assert machine.run("docker", "inspect", "-f", "{{.State.Running}}", "invoker0") == "false"
    second = fleet.play("site.yml")
    assert second.code == 0, second.output
    assert second.changed == {"deployed": 0}, second.changes()


def test_functions_start_in_every_way(fleet: Fleet[ContainerMachine]) -> None:
    run = fleet.play("verify.yml")
    assert run.code == 0, run.output
    assert "fork: started fork" in " ".join(run.output.split())


def test_secrets_are_for_root_alone_and_the_unit_is_hardened(
    fleet: Fleet[ContainerMachine],
) -> None:
    machine = fleet.machines[0]
    mode = machine.run("stat", "-c", "%a %U", "/etc/swift-invoker/secrets.env")
    assert mode == "600 root"
    said = machine.run("systemctl", "show", "swift-invoker", "-p", "NoNewPrivileges", "-p", "Type")
    assert sorted(said.splitlines()) == ["NoNewPrivileges=yes", "Type=notify"]


def test_a_killed_invoker_is_started_again(fleet: Fleet[ContainerMachine]) -> None:
    machine = fleet.machines[0]
    before = _pid(fleet)
    machine.run("systemctl", "kill", "--signal=SIGKILL", "--kill-who=main", "swift-invoker")
    eventually(
        lambda: _pid(fleet) not in (before, "0") and _active(fleet), "a new process", _STATE_S
    )


def test_rollback_leaves_no_trace_and_the_stock_invoker_in_place(
    fleet: Fleet[ContainerMachine],
) -> None:
    machine = fleet.machines[0]
    run = fleet.play("rollback.yml")
    assert run.code == 0, run.output
    running = machine.run("docker", "ps", "--all", "--format", "{{.Names}} {{.State}}")
    assert running == "invoker0 running"
    policy = "{{.HostConfig.RestartPolicy.Name}}"
    assert machine.run("docker", "inspect", "-f", policy, "invoker0") == "always"
    # Its exit code is 1 when there are none.
    assert machine.run("systemctl", "list-unit-files", "--no-legend", "swift*", check=False) == ""
    rest = [line for line in machine.run("sh", "-c", LEFT).splitlines() if line]
    assert rest == [], rest


def _pid(fleet: Fleet[ContainerMachine]) -> str:
    return fleet.machines[0].run("systemctl", "show", "-p", "MainPID", "--value", "swift-invoker")


def _active(fleet: Fleet[ContainerMachine]) -> bool:
    said = fleet.machines[0].run("systemctl", "is-active", "swift-invoker", check=False)
    return said == "active"
