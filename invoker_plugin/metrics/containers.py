"""Why containers and workers went, and how often there was no room."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter

from invoker_plugin.metrics.buckets import PREFIX

OTHER = "other"
CAUSES = {
    "room for another activation": "eviction",
    "idle time over": "idle",
    "stem cell expired": "expired",
    "could not be started": "start_failed",
    "activation failed": "activation_failed",
    "policy cold": "policy",
    "policy fork": "policy",
    "worker died, policy warm forks no other": "policy",
    "did not take an activation": "not_taken",
    "container exited by itself": "exited",
    "could not be paused": "pause_failed",
    "stem cell does not answer": "probe_failed",
}
"""The pool's reasons in words, and their labels. What is not here is ``other``."""


class ContainerMetrics:
    """Ends of containers and of forked workers, by cause."""

    def __init__(self, registry: CollectorRegistry) -> None:
        removed = Counter(
            f"{PREFIX}containers_removed",
            "Containers that were not kept, by cause; eviction is room for another activation.",
            ("cause",),
            registry=registry,
        )
        killed = Counter(
            f"{PREFIX}workers_ended",
            "Idle forked workers that the invoker ended, by cause.",
            ("cause",),
            registry=registry,
        )
        labels = {*CAUSES.values(), OTHER}
        self._removed = {cause: removed.labels(cause) for cause in sorted(labels)}
        self._killed = {
            cause: killed.labels(cause) for cause in ("eviction", "idle", "policy", OTHER)
        }
        self.no_room = Counter(
            f"{PREFIX}no_room", "Activations that had to wait for memory.", registry=registry
        )

    def removed(self, reason: str) -> None:
        """A container goes."""
        self._removed[CAUSES.get(reason, OTHER)].inc()

    def worker_ended(self, reason: str) -> None:
        """An idle worker goes."""
        cause = CAUSES.get(reason, OTHER)
        self._killed.get(cause, self._killed[OTHER]).inc()
