"""Docker's run options as Engine API fields."""

from __future__ import annotations

from typing import Any

import pytest

from invoker_plugin.containers import docker_options
from invoker_plugin.errors import ConfigurationError


def host_config(option: str, *values: str) -> Any:
    return docker_options.apply({}, {option: values}, "test").get("HostConfig")


@pytest.mark.parametrize(
    ("option", "value", "expected"),
    [
        ("cap-add", "CAP_IPC_LOCK", {"CapAdd": ["IPC_LOCK"], "CapDrop": []}),
        ("cap-drop", "net_raw", {"CapDrop": ["NET_RAW"]}),
        ("--cpus", "0.25", {"NanoCpus": 250_000_000}),
        ("dns", "10.0.0.2", {"Dns": ["10.0.0.2"]}),
        ("init", "", {"Init": True}),
        ("network", "host", {"NetworkMode": "host"}),
        ("pids-limit", "64", {"PidsLimit": 64}),
        ("read-only", "true", {"ReadonlyRootfs": True}),
        ("shm-size", "1g", {"ShmSize": 1 << 30}),
        ("sysctl", "net.core.somaxconn=9", {"Sysctls": {"net.core.somaxconn": "9"}}),
        ("tmpfs", "/tmp:size=1m", {"Tmpfs": {"/tmp": "size=1m"}}),
        ("v", "/a:/b:ro", {"Binds": ["/a:/b:ro"]}),
        (
            "ulimit",
            "memlock=-1",
            {"Ulimits": [{"Name": "memlock", "Soft": -1, "Hard": -1}]},
        ),
        (
            "device",
            "/dev/infiniband/uverbs0",
            {
                "Devices": [
                    {
                        "PathOnHost": "/dev/infiniband/uverbs0",
                        "PathInContainer": "/dev/infiniband/uverbs0",
                        "CgroupPermissions": "rwm",
                    }
                ]
            },
        ),
        (
            "device",
            "/dev/a:/dev/b:rw",
            {
                "Devices": [
                    {
                        "PathOnHost": "/dev/a",
                        "PathInContainer": "/dev/b",
                        "CgroupPermissions": "rw",
                    }
                ]
            },
        ),
        (
            "mount",
            "type=bind,src=/a,dst=/b,readonly",
            {"Mounts": [{"Type": "bind", "Target": "/b", "Source": "/a", "ReadOnly": True}]},
        ),
        (
            "gpus",
            "all",
            {"DeviceRequests": [{"Driver": "", "Count": -1, "Capabilities": [["gpu"]]}]},
        ),
    ],
)
def test_option_becomes_field(option: str, value: str, expected: Any) -> None:
    assert host_config(option, value) == expected


def test_variable_without_a_value_is_empty_and_a_later_one_wins() -> None:
    config = docker_options.apply({}, {"env": ["A", "B=1", "C=x=y", "B=2"]}, "test")
    assert config["Env"] == ["A=", "C=x=y", "B=2"]


def test_later_limit_replaces_the_earlier_one() -> None:
    assert host_config("ulimit", "nofile=1:2", "nofile=4096") == {
        "Ulimits": [{"Name": "nofile", "Soft": 4096, "Hard": 4096}]
    }


def test_added_capability_is_no_longer_dropped() -> None:
    config: dict[str, Any] = {"HostConfig": {"CapDrop": ["NET_RAW", "NET_ADMIN"]}}
    docker_options.apply(config, {"cap-add": ["NET_ADMIN"]}, "test")
    assert config["HostConfig"] == {"CapDrop": ["NET_RAW"], "CapAdd": ["NET_ADMIN"]}


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("privileged", "true", "never used"),
        ("publish", "80:80", "--publish is not supported"),
        ("ulimit", "nofile", "write it like"),
        ("ulimit", "nofile=many", "write it like"),
        ("device", "uverbs0", "write it like"),
        ("device", "/dev/a:/dev/b:rw:x", "write it like"),
        ("shm-size", "big", "no size"),
        ("cpus", "0.001", "less than 0.01"),
        ("cpus", "half", "half"),
        ("pids-limit", "few", "few"),
        ("mount", "type=bind,source=/a", "no mount"),
        ("mount", "type=bind,source=/a,target=/b,bind-propagation=shared", "bind-propagation"),
        ("read-only", "maybe", "neither true nor false"),
        ("env", "=x", "names no variable"),
        ("log-driver", "journald", "only json-file"),
        ("gpus", "some", "some"),
    ],
)
def test_wrong_option_is_one_clear_line(option: str, value: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        docker_options.apply({}, {option: (value,)}, "containerArgs.extra-args")
    assert complaint in str(caught.value)
    assert "containerArgs.extra-args" in str(caught.value)
    assert "\n" not in str(caught.value)
