"""Fresh randomness in a forked worker.

``os.urandom`` and ``secrets`` ask the kernel, OpenSSL watches the process id, and ``random`` seeds
itself anew after a fork, so they need nothing. What else keeps its state in the process would give
every fork the same numbers.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def renew() -> None:
    """Seed anew what the template's modules would otherwise share with every worker."""
    modules = sys.modules
    if "tempfile" in modules:
        # The template's choice of directory must not outlive the fork: TMPDIR is the worker's.
        modules["tempfile"].tempdir = None  # type: ignore[attr-defined]
    if "uuid" in modules:
        _renew_uuid(modules["uuid"])
    if "numpy.random" in modules:
        _renew_numpy(modules["numpy.random"])


def _renew_uuid(uuid: Any) -> None:
    # libuuid keeps clock sequence and last time in the process, so two forks that ask in the
    # same tick would get one uuid1; the module's own way draws the sequence from `random`.
    uuid._generate_time_safe = None
    uuid._last_timestamp = None


def _renew_numpy(numpy_random: Any) -> None:
    words = [int.from_bytes(os.urandom(4), "little") for _ in range(8)]
    numpy_random.seed(words)
