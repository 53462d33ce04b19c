"""Which of Docker's errors are whose fault. Messages as runc, crun and Docker write them."""

from __future__ import annotations

import pytest

from invoker_plugin.containers.engine_errors import DockerFault, DockerTimeout, launch_fault
from invoker_plugin.errors import DeveloperFault, SystemFault


@pytest.mark.parametrize(
    "message",
    [
        "OCI runtime create failed: container_linux.go:380: starting container process caused:"
        ' exec: "nosuch": executable file not found in $PATH: unknown',
        "failed to create shim: OCI runtime create failed: runc create failed: unable to start"
        ' container process: exec: "/x": stat /x: no such file or directory: unknown',
        'unable to start container process: exec: "/etc/passwd": permission denied: unknown',
        "executable file `nosuch` not found in $PATH: No such file or directory: unknown",
        "No command specified",
        "unable to find user nobody1: no matching entries in passwd file",
        "exec /app: exec format error",
    ],
)
def test_what_the_image_cannot_execute_is_its_makers_fault(message: str) -> None:
    fault = launch_fault(DockerFault(f"docker start: {message}", 400), "some/image", False)
    assert isinstance(fault, DeveloperFault)


@pytest.mark.parametrize(
    ("message", "status"),
    [
        (
            "error gathering device information while adding custom device"
            ' "/dev/infiniband/uverbs0": no such file or directory',
            500,
        ),
        ("driver failed programming external connectivity on endpoint x: port in use", 500),
        ("failed to create endpoint wsk0_1 on network bridge: no available IPv4 addresses", 500),
        ("OCI runtime create failed: cannot allocate memory", 500),
        (
            "AppArmor enabled on system but the docker-default profile could not be loaded: running"
            " `apparmor_parser apparmor_parser --version` failed with output: error: exec:"
            ' "apparmor_parser": executable file not found in $PATH',
            500,
        ),
        ("network nosuch not found", 404),
        ("Conflict. The container name is already in use", 409),
    ],
)
def test_the_rest_is_the_systems(message: str, status: int) -> None:
    fault = DockerFault(message, status)
    assert launch_fault(fault, "some/image", False) is fault
    assert isinstance(fault, SystemFault)


def test_missing_image_is_the_users_or_the_deployments() -> None:
    missing = DockerFault("docker create: No such image: x/y:1", 404)
    users = launch_fault(missing, "x/y:1", False)
    assert isinstance(users, DeveloperFault)
    assert str(users) == "Failed to pull container image 'x/y:1'."
    ours = launch_fault(missing, "x/y:1", True)
    assert isinstance(ours, SystemFault)
    assert "load or pull it by hand" in str(ours)


def test_a_timeout_is_the_systems() -> None:
    fault = DockerTimeout("docker start: timeout, no answer within 60 s")
    assert launch_fault(fault, "x", False) is fault
