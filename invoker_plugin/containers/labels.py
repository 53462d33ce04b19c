"""Labels on containers: who one is, for whoever finds it (a restarted sidecar, an operator).

The name alone can't tell: it is a stock OpenWhisk form, with characters left out.
"""

from __future__ import annotations

PREFIX = "org.swift-invoker."
INVOKER = PREFIX + "invoker"
NAMESPACE = PREFIX + "namespace"
ACTION = PREFIX + "action"
REVISION = PREFIX + "revision"
ROLE = PREFIX + "role"
PROTOCOL = PREFIX + "protocol"
"""On an image: the runtime protocol's version that it speaks. On a container: the one in use."""
SOCKET = PREFIX + "socket"
"""The container's own directory under the socket root."""


def identity(
    role: str,
    namespace: str | None = None,
    action: str | None = None,
    revision: str | None = None,
) -> dict[str, str]:
    """Labels that say what a container is for; ``role`` is ``stem``, ``action`` or ``template``."""
    given = {ROLE: role, NAMESPACE: namespace, ACTION: action, REVISION: revision}
    return {label: value for label, value in given.items() if value is not None}
