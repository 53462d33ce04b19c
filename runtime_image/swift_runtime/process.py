"""What Linux knows of processes: their end with their parent, threads, private memory."""

from __future__ import annotations

import ctypes
import os
import signal

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def die_with_parent(parent: int) -> None:
    """Be killed when ``parent`` dies, also if it died just now."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(0)


def adopt_orphans() -> None:
    """Become the parent of orphaned descendants, as process 1 is anyway."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def return_free_memory() -> None:
    """Give freed heap back to the kernel: what is not there need not be copied at a fork."""
    trim = getattr(_libc, "malloc_trim", None)
    if trim is not None:
        trim(0)


def offer_to_oom_killer() -> None:
    """Have the kernel take this process, never proxy or template, when memory runs out."""
    # bare calls: this is between a fork and its first line of user code
    descriptor = os.open("/proc/self/oom_score_adj", os.O_WRONLY)
    os.write(descriptor, b"1000")
    os.close(descriptor)


def thread_count() -> int:
    """Threads of this process, those of C libraries included."""
    return len(os.listdir("/proc/self/task"))


def private_kb(pid: int) -> int | None:
    """Memory that only this process has, in KiB; None when it is gone.

    Pages still shared with the template do not count, so this is what a worker costs.
    """
    fields = _fields(f"/proc/{pid}/smaps_rollup")
    if fields is None:
        return None
    return fields.get("Private_Clean", 0) + fields.get("Private_Dirty", 0)


def resident_kb(pid: int) -> int | None:
    """An upper bound of :func:`private_kb` that is cheap to read; None when it is gone."""
    fields = _fields(f"/proc/{pid}/status")
    if fields is None:
        return None
    return fields.get("VmRSS", 0)


def _fields(path: str) -> dict[str, int] | None:
    """The ``Name: N kB`` lines of a file in /proc; a zombie has none, a dead one no file."""
    fields: dict[str, int] = {}
    try:
        with open(path) as stream:
            for line in stream:
                name, _, rest = line.partition(":")
                words = rest.split()
                if len(words) == 2 and words[1] == "kB":
                    fields[name] = int(words[0])
    except (FileNotFoundError, ProcessLookupError):
        return None
    return fields or None
