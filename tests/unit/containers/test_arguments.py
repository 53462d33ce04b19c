"""Create arguments: what stock OpenWhisk passes, and what a Swift image gets on top."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.containers import labels, rdma_devices
from invoker_plugin.containers.arguments import cpu_limit, cpu_shares, create_arguments
from invoker_plugin.containers.settings import ContainerSettings, rdma_now
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import ConfigurationError, SystemFault

MIB = 1024 * 1024
PYTHON = ContainerSpecification("wsk0_1_guest_hello", "python", "python:3", 256)


def settings(**changes: Any) -> ContainerSettings:
    return ContainerSettings(**{"name_prefix": "wsk0_", "user_memory_mb": 2048, **changes})


def created(
    specification: ContainerSpecification = PYTHON,
    protocol: int = 0,
    directory: str | None = None,
    **changes: Any,
) -> dict[str, Any]:
    return create_arguments(specification, settings(**changes), "python", protocol, directory)


@pytest.mark.parametrize(
    ("memory_mb", "user_memory_mb", "shares"),
    [(256, 2048, 128), (128, 2048, 64), (300, 2048, 170), (1, 4_000_000, 2), (4096, 2048, 1024)],
)
def test_cpu_shares_go_with_memory(memory_mb: int, user_memory_mb: int, shares: int) -> None:
    assert cpu_shares(memory_mb, user_memory_mb) == shares


def test_hard_cpu_limit_has_five_decimals_and_a_floor() -> None:
    assert cpu_limit(256, 2048, 1.0) == "0.12500"
    assert cpu_limit(1, 2048, 0.1) == "0.01000"
    assert created(user_cpus=2.0)["HostConfig"]["NanoCpus"] == 250_000_000
    assert "NanoCpus" not in created()["HostConfig"]


def test_capabilities_are_dropped_and_nothing_is_privileged() -> None:
    host = created()["HostConfig"]
    assert host["CapDrop"] == ["NET_RAW", "NET_ADMIN"]
    assert "Privileged" not in host
    assert "Devices" not in host


def test_an_operator_may_grant_a_capability_to_one_kind() -> None:
    kinds = {"python:3": {"cap-add": ("NET_ADMIN",)}}
    assert created(kinds=kinds)["HostConfig"]["CapDrop"] == ["NET_RAW"]
    other = ContainerSpecification("wsk0_2_guest_js", "node", "nodejs:20", 256)
    assert created(other, kinds=kinds)["HostConfig"]["CapDrop"] == ["NET_RAW", "NET_ADMIN"]


def test_kind_overrides_the_deployment() -> None:
    changes: dict[str, Any] = {
        "network": "bridge",
        "options": {"ulimit": ("nofile=2048",), "network": ("one",)},
        "kinds": {"python:3": {"network": ("two",)}},
    }
    host = created(**changes)["HostConfig"]
    assert host["NetworkMode"] == "two"
    assert host["Ulimits"] == [{"Name": "nofile", "Soft": 2048, "Hard": 2048}]


def test_environment_of_deployment_and_specification() -> None:
    specification = ContainerSpecification("n", "i", "k", 128, environment={"OWN": "x"})
    config = created(specification, api_host="https://api:443", environment=("A=1", "EMPTY"))
    assert config["Env"] == ["__OW_API_HOST=https://api:443", "A=1", "EMPTY=", "OWN=x"]


def test_labels_say_who_it_is() -> None:
    identity = labels.identity("action", "guest", "guest/hello", "2-ab")
    config = created(ContainerSpecification("n", "i", "k", 128, labels=identity))
    assert config["Labels"] == {
        labels.INVOKER: "wsk0",
        labels.ROLE: "action",
        labels.NAMESPACE: "guest",
        labels.ACTION: "guest/hello",
        labels.REVISION: "2-ab",
        labels.PROTOCOL: "0",
    }


RDMA = {"rdma_device": "rxe0", "rdma_character_device": "/dev/infiniband/uverbs3"}


def test_plain_image_gets_neither_socket_nor_device() -> None:
    config = created(directory=None, **RDMA)
    assert "Binds" not in config["HostConfig"]
    assert "Devices" not in config["HostConfig"]
    assert not any("SWIFT" in entry for entry in config["Env"])


def test_swift_image_gets_its_directory_and_the_one_device() -> None:
    config = created(protocol=1, directory="/run/swift-invoker/ab", **RDMA)
    host = config["HostConfig"]
    assert host["Binds"] == ["/run/swift-invoker/ab:/run/swift"]
    assert [device["PathOnHost"] for device in host["Devices"]] == ["/dev/infiniband/uverbs3"]
    assert {"Name": "memlock", "Soft": 256 * MIB, "Hard": 256 * MIB} in host["Ulimits"]
    assert "SWIFT_SOCKET=/run/swift/proxy.sock" in config["Env"]
    assert "SWIFT_RDMA_DEVICE=rxe0" in config["Env"]
    assert not any(entry.startswith("SWIFT_PORT") for entry in config["Env"])
    assert config["Labels"][labels.SOCKET] == "/run/swift-invoker/ab"
    assert host["CapDrop"] == ["NET_RAW", "NET_ADMIN"]


def test_the_discovery_cache_goes_with_the_device_read_only() -> None:
    cached = {**RDMA, "verbs_cache": "/run/verbs-of-host"}
    mount = "/run/verbs-of-host:/run/swift-verbs:ro"
    assert mount in created(protocol=1, **cached)["HostConfig"]["Binds"]
    both = created(protocol=1, directory="/run/d", **cached)["HostConfig"]["Binds"]
    assert both == ["/run/d:/run/swift", mount]
    without = ContainerSpecification("n", "i", "k", 128, rdma=False)
    assert "Binds" not in created(without, 1, **cached)["HostConfig"]
    assert "Binds" not in created(protocol=1, verbs_cache="/run/x")["HostConfig"]


@pytest.mark.parametrize("device", [{}, RDMA])
def test_ordinary_images_are_as_without_a_cache(device: dict[str, str]) -> None:
    assert created(verbs_cache="/run/swift-verbs", **device) == created()


def test_devices_are_looked_up_for_each_container(tmp_path: Path) -> None:
    """One that was removed and added again may have another number."""
    verbs = tmp_path / "infiniband_verbs" / "uverbs9"
    verbs.mkdir(parents=True)
    (verbs / "ibdev").write_text("rxe0\n")
    there, nowhere = str(tmp_path), str(tmp_path / "no")
    now, device = rdma_now(settings(verbs_cache=there, **RDMA), tmp_path)
    assert device == rdma_devices.find("rxe0", tmp_path)
    assert (now.rdma_character_device, now.verbs_cache) == ("/dev/infiniband/uverbs9", there)
    assert rdma_now(settings(verbs_cache=nowhere, **RDMA), tmp_path)[0].verbs_cache is None
    (verbs / "ibdev").write_text("other\n")
    with pytest.raises(SystemFault, match="rxe0 is not on this host any more"):
        rdma_now(settings(**RDMA), tmp_path)
    assert rdma_now(settings(), tmp_path) == (settings(), None)


def test_a_device_that_was_made_again_is_another_one(tmp_path: Path) -> None:
    """With the same name and number, as the kernel gives them again."""
    verbs = tmp_path / "infiniband_verbs" / "uverbs0"

    def made(device: str, name: str) -> None:
        target = tmp_path / device
        target.mkdir()
        (target / "ibdev").write_text(f"{name}\n")
        verbs.symlink_to(target)

    verbs.parent.mkdir()
    assert rdma_devices.find("rxe0", tmp_path) is None
    made("first", "rxe0")
    first = rdma_devices.find("rxe0", tmp_path)
    assert first is not None
    assert first == rdma_devices.find("rxe0", tmp_path)
    verbs.rename(tmp_path / "kept")  # else the file system might give the inode again
    made("second", "rxe0")
    second = rdma_devices.find("rxe0", tmp_path)
    assert second is not None
    assert (second.name, second.path) == (first.name, first.path)
    assert second != first
    assert rdma_devices.find("rxe1", tmp_path) is None


def test_swift_image_without_rdma_gets_no_device() -> None:
    without = ContainerSpecification("n", "i", "k", 128, rdma=False)
    assert "Devices" not in created(without, 1, "/run/d", **RDMA)["HostConfig"]
    assert "Devices" not in created(PYTHON, 1, "/run/d")["HostConfig"]


def test_operators_memlock_stays() -> None:
    kinds = {"python:3": {"ulimit": ("memlock=-1",)}}
    host = created(protocol=1, directory="/run/d", kinds=kinds, **RDMA)["HostConfig"]
    assert {"Name": "memlock", "Soft": -1, "Hard": -1} in host["Ulimits"]


def test_no_tcp_port_on_the_hosts_network() -> None:
    kinds = {"python:3": {"network": ("host",)}}
    assert "SWIFT_PORT=0" in created(protocol=1, directory="/run/d", kinds=kinds)["Env"]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"user_memory_mb": 0}, "user memory"),
        ({"parallel_runs": 0}, "parallel-runs"),
        ({"rdma_device": "mlx5_0"}, "mlx5_0"),
        ({"socket_root": "relative"}, "absolute"),
        ({"verbs_cache": "relative"}, "absolute"),
        ({"socket_root": "/" + "x" * 80}, "too long"),
        ({"options": {"privileged": ("true",)}}, "never used"),
        ({"kinds": {"k": {"ulimit": ("x",)}}}, "containers.kinds.k"),
    ],
)
def test_wrong_settings_are_refused_when_they_are_read(changes: Any, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        settings(**changes)


def test_longest_socket_path_fits() -> None:
    root = "/" + "x" * (107 - len("/0123456789abcdef/proxy.sock") - 1)
    assert settings(socket_root=root).socket_root == root
    with pytest.raises(ConfigurationError):
        settings(socket_root=root + "x")
