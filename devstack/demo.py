"""The demo: an RDMA action, started cold, warm and as a burst of forks, each answer checked.

Every activation writes a payload to the memory peer by RDMA, reads it back and answers its SHA-256.
The payload follows from a seed, so that the same digest is computed here, by other code.
"""

from __future__ import annotations

import argparse
import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from devstack.client import Client, Invocation
from devstack.errors import DevstackError
from devstack.manifest import RDMA_KIND
from devstack.paths import REPOSITORY

ACTION = "rdma-demo"
SOURCE = REPOSITORY / "examples" / "rdma_roundtrip.py"
PAYLOAD_BYTES = 65536
BURST = 16
_RECORDS_WAIT_S = 60


@dataclass(frozen=True)
class Outcome:
    """One activation of the demo: what it was sent and what came back."""

    label: str
    seed: int
    invocation: Invocation

    def fault(self) -> str | None:
        """What is wrong with it, None when its checksum is the right one."""
        result = self.invocation.result
        if not self.invocation.success or not isinstance(result, dict):
            return f"{self.label} activation {self.invocation.activation_id} failed: {result}"
        wanted = expected_checksum(self.seed, PAYLOAD_BYTES)
        if result.get("sha256") != wanted:
            return (
                f"{self.label} activation {self.invocation.activation_id}: checksum "
                f"{result.get('sha256')} is not {wanted}, which seed {self.seed} gives"
            )
        return None


def expected_checksum(seed: int, length: int) -> str:
    """The SHA-256 of the payload of ``seed``: SHA-256 of "seed:block" for block 0, 1, ... in a row,
    cut to ``length`` bytes."""
    digest = hashlib.sha256()
    for block in range(-(-length // 32)):
        piece = hashlib.sha256(f"{seed}:{block}".encode()).digest()
        digest.update(piece[: length - 32 * block])
    return digest.hexdigest()


def run_demo(client: Client, peer: str, properties: Path, say: Callable[[str], None]) -> None:
    """Run the demo; raises DevstackError when an activation failed or its checksum is wrong."""
    create_action(client)
    say(f"action {ACTION} ({RDMA_KIND}) created from {SOURCE.relative_to(REPOSITORY)}")
    outcomes = [
        *_invoke("cold", client, peer, 1, say),
        *_invoke("warm", client, peer, 1, say),
        *_invoke("burst", client, peer, BURST, say),
    ]
    say("\nOf the burst some may be warm: an idle worker is used before one is forked.")
    _print_table(outcomes, properties)
    faults = [fault for fault in (outcome.fault() for outcome in outcomes) if fault]
    if faults:
        raise DevstackError("; ".join(faults))
    say(f"\n{len(outcomes)} checksums computed independently: all match")


def create_action(client: Client) -> None:
    """Create the demo's action anew: a new revision, so that its first activation is cold."""
    if not SOURCE.exists():
        raise DevstackError(f"{SOURCE} is missing: this checkout is not complete")
    client.put_action(
        ACTION,
        RDMA_KIND,
        SOURCE.read_text(),
        limits={"timeout": 120_000, "memory": 128},
        annotations={"swift-slots": BURST + 1},
    )


def _invoke(
    label: str, client: Client, peer: str, count: int, say: Callable[[str], None]
) -> list[Outcome]:
    """``count`` activations at once."""
    began = time.monotonic()
    with ThreadPoolExecutor(count) as pool:
        outcomes = list(pool.map(lambda _: _invoke_one(label, client, peer), range(count)))
    took = time.monotonic() - began
    say(f"  ok  {label} x {count:<21} {took:7.1f} s")
    return outcomes


def _invoke_one(label: str, client: Client, peer: str) -> Outcome:
    seed = secrets.randbelow(2**31)
    arguments = {"seed": seed, "bytes": PAYLOAD_BYTES, "peer": peer}
    return Outcome(label, seed, client.invoke(ACTION, arguments))


def _print_table(outcomes: Sequence[Outcome], properties: Path) -> None:
    """The table of ``swift-invoker compare``, read back from the activation records."""
    # Imported here: all else of the devstack's command line does without the invoker's package.
    from invoker_plugin.cli import compare

    parser = argparse.ArgumentParser(prog="devstack demo")
    compare.add_parser(parser.add_subparsers())
    named = [f"--id={outcome.invocation.activation_id}" for outcome in outcomes]
    arguments = ["compare", "--wskprops", str(properties), "--each", "--label", ACTION]
    given = parser.parse_args([*arguments, "--wait", str(_RECORDS_WAIT_S), *named])
    if compare.run(given) != 0:
        raise DevstackError("the activation records could not be read back")
