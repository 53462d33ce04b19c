"""A checkout of OpenWhisk: is it one, and which of the two that we know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from swift_overlay.errors import OverlayError

ROLE = "ansible/roles/invoker/tasks/deploy.yml"
BALANCER = (
    "core/controller/src/main/scala/org/apache/openwhisk/core/loadBalancer/"
    "ShardingContainerPoolBalancer.scala"
)
VARIABLES = "ansible/group_vars/all"
MANIFEST = "ansible/files/runtimes.json"
SPI = "controller_loadbalancer_spi"

# What our files lean on: where it is not there, they would do nothing or not compile.
_MARKS = {
    ROLE: (r"invoker_plugins", "the hook invoker_plugins", "the invoker could not be replaced"),
    BALANCER: (r"def publish\(action: ExecutableWhiskActionMetaData", "the publish that we know",
               "our load balancer would not compile"),
    VARIABLES: (rf"\b{SPI}\b", f"the variable {SPI}", "no load balancer could be chosen"),
}  # fmt: skip


@dataclass(frozen=True)
class Checkout:
    """``actors`` is the library that this version is built on: ``akka`` (2.0.0) or ``pekko``."""

    root: Path
    actors: str

    @classmethod
    def find(cls, root: Path) -> Checkout:
        """Recognise the checkout at ``root``, or say what it lacks."""
        if not (root / "ansible").is_dir():
            raise OverlayError(f"{root} is no checkout of OpenWhisk: it has no folder ansible")
        for name, (pattern, what, consequence) in _MARKS.items():
            if not re.search(pattern, _text(root / name)):
                raise OverlayError(f"{root / name} has not {what}: {consequence}")
        return cls(root, _actors(_text(root / BALANCER), root / BALANCER))

    def path(self, name: str) -> Path:
        """The file of that name, which is relative to the checkout."""
        return self.root / name


def balancer_chosen_elsewhere(root: Path, ours: str) -> Path | None:
    """A file of variables that chooses a load balancer other than ``ours``."""
    places = [root / "ansible/group_vars", root / "ansible/environments"]
    for place in places:
        for file in sorted(place.rglob("*")) if place.is_dir() else []:
            if file.is_file() and file != root / VARIABLES:
                found = re.search(rf"^\s*{SPI}\s*:\s*(\S+)", _text(file), re.MULTILINE)
                if found and found[1].strip("\"'") != ours:
                    return file
    return None


def _actors(text: str, file: Path) -> str:
    imported = set(re.findall(r"^import (?:org\.apache\.)?(akka|pekko)\.", text, re.MULTILINE))
    if len(imported) != 1:
        raise OverlayError(f"{file} is built on neither akka nor pekko: this version is not known")
    return str(imported.pop())


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise OverlayError(f"{file} cannot be read ({error.strerror}): is it OpenWhisk?") from None
