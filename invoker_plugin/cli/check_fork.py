"""``swift-invoker check --fork``: tries forks on the RDMA device, in a container as actions get it.

The trying itself is the image's (``swift_rdma.fork_check``): this makes the container, waits for
it within bounds, and reports what it said.
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from invoker_plugin.cli.check_report import Finding
from invoker_plugin.config.settings import Settings
from invoker_plugin.containers import arguments, labels
from invoker_plugin.containers.engine import Engine
from invoker_plugin.containers.images import Images
from invoker_plugin.containers.settings import ContainerSettings, rdma_now
from invoker_plugin.containers.specification import ContainerSpecification
from invoker_plugin.errors import InvokerError

_PROGRAM = ["/usr/bin/python3", "-P", "-s", "-m", "swift_rdma.fork_check"]
_GRACE_S = 60.0
"""For the container's start and the program's, on top of the time that trying may take."""
_POLL_S = 0.25
_STATES = ("ok", "info", "warn", "fail")
_LEAST_MB = 256
_STOCK = "run actions without sharing: SWIFT_RDMA_RUNG=stock and RDMAV_SWIFT=0 in"
SAFE = f"{_STOCK} containers.extra_env, or annotate them swift-start: warm"


@dataclass(frozen=True)
class ForkOptions:
    """How hard it is tried: children at once, rounds, and the most time in seconds."""

    slots: int = 8
    rounds: int = 10
    seconds: int = 60
    image: str | None = None
    """None: each image of the manifest that speaks the Swift protocol."""


async def check(settings: Settings, options: ForkOptions) -> list[Finding]:
    """All findings, of one image after the other."""
    if not settings.containers.rdma_device:
        return [
            Finding("fork", "fail", "no RDMA device is configured", "set containers.rdma_device")
        ]
    # A name of its own: a running invoker's containers are not to be touched.
    containers = dataclasses.replace(
        ContainerSettings.from_settings(settings), name_prefix=f"swiftfork{secrets.token_hex(4)}_"
    )
    engine = Engine(containers.docker_host)
    try:
        return await _Try(containers, engine, options).all(_candidates(settings, options))
    except InvokerError as fault:
        return [Finding("fork", "fail", str(fault), SAFE)]
    finally:
        engine.close()


def _candidates(settings: Settings, options: ForkOptions) -> list[tuple[str, str]]:
    """Images with the kind that they run, whose Docker options the container gets."""
    runtimes = settings.manifest.runtimes.values()
    found = [(runtime.image, runtime.kind) for runtime in runtimes]
    if options.image is not None:
        return [next((pair for pair in found if pair[0] == options.image), (options.image, ""))]
    return list({image: (image, kind) for image, kind in found}.values())


class _Try:
    """Runs the image's own check in a container of it."""

    def __init__(self, settings: ContainerSettings, engine: Engine, options: ForkOptions) -> None:
        self._settings = settings
        self._engine = engine
        self._options = options
        self._images = Images(engine, settings)

    async def all(self, candidates: Sequence[tuple[str, str]]) -> list[Finding]:
        findings: list[Finding] = []
        for name, kind in candidates:
            image = await self._images.ready(name, managed=True)
            if image.protocol or self._options.image is not None:
                findings.append(Finding("fork-image", "info", name))
                findings += await self._one(image.name, kind)
        if findings:
            return findings
        seen = "no image of the runtimes manifest speaks the Swift protocol"
        return [Finding("fork", "fail", seen, "name one: --image swift-runtime:patched")]

    async def _one(self, image: str, kind: str) -> list[Finding]:
        settings, _ = rdma_now(self._settings)
        specification = ContainerSpecification(
            name=f"{settings.name_prefix}1_fork_check",
            image=image,
            kind=kind,
            memory_mb=min(max(_LEAST_MB, 32 * self._options.slots), settings.user_memory_mb),
            labels=labels.identity("check"),
        )
        config = arguments.create_arguments(specification, settings, image, protocol=1)
        options = self._options
        config["Entrypoint"] = [
            *_PROGRAM, f"--slots={options.slots}", f"--rounds={options.rounds}",
            f"--seconds={options.seconds}",
        ]  # fmt: skip
        container = await self._engine.create(specification.name, config)
        try:
            await self._engine.start(container)
            code = await self._ended(container)
            return findings_of(await self._said(container, "stdout"), code) or [
                _silent(await self._said(container, "stderr"), code)
            ]
        finally:
            await self._engine.remove(container)

    async def _ended(self, container: str) -> int | None:
        """Its exit code; None when it did not end in time."""
        deadline = time.monotonic() + self._options.seconds + _GRACE_S
        while time.monotonic() < deadline:
            state = (await self._engine.inspect(container)).get("State", {})
            if not state.get("Running"):
                return int(state.get("ExitCode", -1))
            await asyncio.sleep(_POLL_S)
        return None

    async def _said(self, container: str, stream: str) -> list[str]:
        pieces = await self._engine.logs(container, stream, 0.0)
        lines = b"".join(pieces).decode(errors="replace").splitlines()
        return [line.partition(" ")[2] for line in lines]  # Docker puts the time before each


def findings_of(lines: Sequence[str], code: int | None) -> list[Finding]:
    """What the program said, and what is to be made of its end. Pure."""
    findings = [finding for line in lines if (finding := _finding(line)) is not None]
    if code is None:
        seen = "the container did not end in time: a driver or a child of it hangs"
        return [*findings, Finding("rung", "fail", seen, SAFE)]
    if findings and findings[-1].check != "rung" and findings[-1].state != "fail":
        seen = f"the check itself ended early, with exit code {code}"
        return [*findings, Finding("rung", "fail", seen, SAFE)]
    return findings


def _finding(line: str) -> Finding | None:
    try:
        content = json.loads(line)
    except ValueError:
        return None
    if not isinstance(content, dict) or content.get("state") not in _STATES:
        return None
    words = (content.get("check"), content.get("state"), content.get("seen"))
    if not all(isinstance(word, str) for word in words):
        return None
    return Finding(str(words[0]), content["state"], str(words[2]), str(content.get("remedy", "")))


def _silent(errors: Sequence[str], code: int | None) -> Finding:
    last = errors[-1] if errors else "it said nothing"
    remedy = "name an image of runtime_image/build.py (--image swift-runtime:patched)"
    return Finding("fork", "fail", f"exit code {code}: {last}", remedy)
