"""Which invokers an action may go to: those with RDMA, where it needs that. Pure.

As the load balancer of ``patches/openwhisk`` has it: kinds that end in ``-rdma``, and what is
annotated ``rdma: true``, go only to invokers whose pings carry the tag ``rdma``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from devstack.controller.pings import Ping

TAG = "rdma"
_KIND_ENDING = "-rdma"


def needs_rdma(action: Mapping[str, Any]) -> bool:
    """Whether the action's kind or its annotation says so."""
    if action["exec"]["kind"].endswith(_KIND_ENDING):
        return True
    annotations = action.get("annotations", ())
    return any(item["key"] == TAG and item["value"] is True for item in annotations)


def eligible(action: Mapping[str, Any], healthy: Sequence[Ping]) -> list[Ping]:
    """Those of ``healthy`` that may have it, in the same order."""
    wanted = needs_rdma(action)
    return [ping for ping in healthy if not wanted or TAG in ping.tags]


def nobody(action: Mapping[str, Any], healthy: Sequence[Ping]) -> str:
    """Why there is no invoker, for the caller."""
    if healthy and needs_rdma(action):
        return (
            f"No invokers available: the action needs RDMA, and none that is up announces it "
            f"(tag '{TAG}' in its ping)."
        )
    return "No invokers available: none is up, see GET /invokers."
