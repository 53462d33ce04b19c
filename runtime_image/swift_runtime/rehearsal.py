"""What a spare worker does while it waits: touch the memory that its activation will touch.

After a fork each page costs a fault when it is first read or written, and on most of them a copy:
that, not the fork itself, is most of a new worker's time. So the way of an activation is gone once
with a function that does nothing, over a socket pair of its own. None of it can be seen outside.
"""

from __future__ import annotations

import json
import socket
import sys
from typing import Any

from swift_runtime import activation, framing

_REQUEST = json.dumps({"value": {"x": [1, 2.5, None, True, "text"]}, "activation_id": "0"}).encode()


def touch_memory() -> None:
    """Go the way of an activation, then of an RDMA connection where one was made ahead."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for piece in framing.pack({}, _REQUEST):
            theirs.sendall(piece)
        frame = framing.read(ours)
        assert frame is not None
        answer = activation.run(_nothing, json.loads(frame[1])["value"])
        for piece in framing.pack({"status": answer.status, "run_ms": answer.run_ms}, answer.body):
            ours.sendall(piece)
        framing.read(theirs)
    resources: Any = sys.modules.get("swift_rdma.resources")
    if resources is not None:
        resources.rehearse()


def _nothing(arguments: Any) -> Any:
    return arguments
