"""Our create arguments mean the same as every captured ``docker run`` of the stock invoker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from invoker_plugin.containers import names
from invoker_plugin.containers.arguments import create_arguments
from invoker_plugin.containers.settings import ContainerSettings
from invoker_plugin.containers.specification import ContainerSpecification

_CAPTURE = Path(__file__).parents[1] / "data" / "containers" / "docker-run.jsonl"
RUNS = [json.loads(line)["args"] for line in _CAPTURE.read_text().splitlines()]
MIB = 1024 * 1024

# The deployment of the capture.
SETTINGS = ContainerSettings(
    name_prefix=names.prefix(0),
    user_memory_mb=2048,
    api_host="http://172.17.0.1:10001",
    network="bridge",
    environment=("__OW_ALLOW_CONCURRENT=true",),
)


def options_of(args: list[str]) -> tuple[dict[str, list[str]], str]:
    """The captured command line: options with their values, and the image."""
    assert args[:2] == ["run", "-d"]
    *pairs, image = args[2:]
    options: dict[str, list[str]] = {}
    for option, value in zip(pairs[::2], pairs[1::2], strict=True):
        options.setdefault(option, []).append(value)
    return options, image


def as_engine_api(options: dict[str, list[str]], image: str) -> dict[str, Any]:
    """What Docker's CLI makes of that command line, by Docker's API reference."""
    limits = []
    for limit in options["--ulimit"]:
        name, _, values = limit.partition("=")
        soft, _, hard = values.partition(":")
        limits.append({"Name": name, "Soft": int(soft), "Hard": int(hard)})
    return {
        "Image": image,
        "Env": options["-e"],
        "HostConfig": {
            "CpuShares": int(options["--cpu-shares"][0]),
            "Memory": int(options["--memory"][0].removesuffix("m")) * MIB,
            "MemorySwap": int(options["--memory-swap"][0].removesuffix("m")) * MIB,
            "NetworkMode": options["--network"][0],
            "CapDrop": options["--cap-drop"],
            "Ulimits": limits,
            "PidsLimit": int(options["--pids-limit"][0]),
            "LogConfig": {"Type": options["--log-driver"][0], "Config": {}},
        },
    }


@pytest.mark.parametrize("args", RUNS, ids=lambda args: args[args.index("--name") + 1])
def test_same_arguments_as_the_stock_invoker(args: list[str]) -> None:
    options, image = options_of(args)
    (name,) = options.pop("--name")
    expected = as_engine_api(options, image)
    memory_mb = int(options["--memory"][0].removesuffix("m"))
    ours = create_arguments(
        ContainerSpecification(name, image, "python:3", memory_mb), SETTINGS, image
    )
    # Labels are ours on top: the stock invoker has none.
    ours.pop("Labels")
    assert ours == expected


def test_same_names_as_the_stock_invoker() -> None:
    counter = names.ContainerNames(0)
    purposes = {"python3": "python:3"}
    namespaces = {"whisksystem": "whisk.system"}
    captured = [args[args.index("--name") + 1] for args in RUNS]
    for name in sorted(captured, key=lambda name: int(name.split("_")[1])):
        _, _, owner, purpose = name.split("_")
        if owner == "prewarm":
            assert counter.prewarm(purposes[purpose]) == name
        else:
            assert counter.action(namespaces.get(owner, owner), purpose) == name
