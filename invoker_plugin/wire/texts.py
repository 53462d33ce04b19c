"""Every text that a user sees in an activation's result or logs, in one place.

They are OpenWhisk's own wording, since clients and tests match on it (see the captured records).
"""

from __future__ import annotations

ABNORMAL_RUN = "The action did not produce a valid response and exited unexpectedly."
ABNORMAL_INITIALIZATION = "The action did not initialize and exited unexpectedly."
MEMORY_EXHAUSTED = "The action exhausted its memory and was aborted."
ACTION_REMOVED = "Action could not be found or may have been deleted."
ACTION_MISMATCH = "Action version is not compatible and cannot be invoked."
ACTION_FETCH_ERROR = "Action could not be fetched."
NAMESPACE_BLOCKED = "The action was not invoked due to a blacklisted namespace."
RESOURCE_PROVISION = "Failed to provision resources to run the action."
EXECUTABLE_NOT_FOUND = "executable file not found"
LOG_FAILURE = "There was an issue while collecting your logs. Data might be missing."
LOG_DEVELOPER_ERROR = "The action did not initialize or run as expected. Log data might be missing."


def time_limit_exceeded(limit_ms: int, *, during_init: bool = False) -> str:
    """Tell that the time limit was reached, in ``/init`` or in ``/run``."""
    end = " during initialization." if during_init else "."
    return f"The action exceeded its time limits of {limit_ms} milliseconds{end}"


def invalid_run_response(body: str) -> str:
    """Tell that ``/run`` answered something that is no JSON object or array."""
    text = "The action did not produce a valid JSON or JSON Array response"
    return f"{text}: {body}" if body else f"{text}."


def invalid_init_response(body: str) -> str:
    """Tell that ``/init`` failed, with what the runtime said."""
    text = "The action failed during initialization"
    return f"{text}: {body}" if body else f"{text}."


def truncated_response(kept: str, size_bytes: int, limit_bytes: int) -> str:
    """Tell that a result was over the limit, with what was kept of it."""
    return (
        f"The action produced a response that exceeded the allowed length: "
        f"{size_bytes} > {limit_bytes} bytes. The truncated response was: {kept}"
    )


def image_pull_failed(image: str) -> str:
    """Tell that a blackbox image cannot be had."""
    return f"Failed to pull container image '{image}'."


def logs_truncated(limit_bytes: int) -> str:
    """Tell, in the logs themselves, that they were cut at the action's log limit."""
    return (
        "Logs were truncated because the total bytes size exceeds the limit of "
        f"{limit_bytes} bytes."
    )


def size_over(field: str, actual_mb: int, allowed_mb: int) -> str:
    """Tell that a memory or log limit is over what the namespace may have."""
    return f"{field} size {actual_mb} MB exceeds allowed threshold of {allowed_mb} MB"


def size_under(field: str, actual_mb: int, allowed_mb: int) -> str:
    """Tell that a memory or log limit is under what the namespace may have."""
    return f"{field} size {actual_mb} MB below allowed threshold of {allowed_mb} MB"


def duration_over(actual_ms: int, allowed_ms: int) -> str:
    """Tell that a time limit is over what the namespace may have."""
    return (
        f"duration {actual_ms} milliseconds exceeds allowed threshold of {allowed_ms} milliseconds"
    )


def duration_under(actual_ms: int, allowed_ms: int) -> str:
    """Tell that a time limit is under what the namespace may have."""
    return f"duration {actual_ms} milliseconds below allowed threshold of {allowed_ms} milliseconds"


def concurrency_over(actual: int, allowed: int) -> str:
    """Tell that an action's concurrency is over what the namespace may have."""
    return f"concurrency {actual} exceeds allowed threshold of {allowed}"


def concurrency_under(actual: int, allowed: int) -> str:
    """Tell that an action's concurrency is under what the namespace may have."""
    return f"concurrency {actual} below allowed threshold of {allowed}"
