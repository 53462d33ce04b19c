"""Whether a process that opens the device for itself finds it in the discovery cache."""

from __future__ import annotations

import subprocess

_CHECK = ("ibv_swift_cache", "check")
_SECONDS = 5.0


def cached() -> str | None:
    """None when the cache would be used (patches/rdma-core), else why not."""
    try:
        checked = subprocess.run(
            _CHECK, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except FileNotFoundError:
        return "libibverbs has no discovery cache"
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"ibv_swift_cache check: {error}"
    if checked.returncode == 0:
        return None
    lines = (checked.stderr or checked.stdout).strip().splitlines()
    return lines[0] if lines else f"ibv_swift_cache check ended with {checked.returncode}"
