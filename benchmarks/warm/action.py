"""The no-op action: its document in the store, and the messages that invoke it."""

from __future__ import annotations

import json
import time
from typing import Any

KIND, IMAGE = "python:3-rdma", "swift-runtime"
MEMORY_MB = 128
MANIFEST = {
    "runtimes": {
        "python": [{"kind": KIND, "default": True, "image": {"name": IMAGE, "tag": "latest"}}]
    }
}
DOCUMENT: dict[str, Any] = {
    "_id": "guest/noop",
    "_rev": "1-ab1d477abbffebaeca2acf11b90278c3",
    "annotations": [{"key": "provide-api-key", "value": False}, {"key": "exec", "value": KIND}],
    "entityType": "action",
    "exec": {"kind": KIND, "code": "def main(args):\n    return {'ok': True}\n", "binary": False},
    "limits": {"concurrency": 1, "logs": 10, "memory": MEMORY_MB, "timeout": 60000},
    "name": "noop",
    "namespace": "guest",
    "parameters": [],
    "publish": False,
    "updated": 1795362323542,
    "version": "0.0.1",
}
_ID = "0" * 32
_START = 1_111_111_111_111


class Messages:
    """Messages in the form of the capture (tests/contract/data/wire), about 900 bytes each."""

    def __init__(self, revision: str) -> None:
        message = {
            "action": {"name": "noop", "path": "guest", "version": "0.0.1"},
            "activationId": _ID,
            "blocking": True,
            "content": {"name": "world", "numbers": list(range(20)), "text": "x" * 200},
            "initArgs": [],
            "lockedArgs": {},
            "revision": revision,
            "rootControllerIndex": {"asString": "0", "instanceType": "controller"},
            "transid": ["b4pGeVsw9Svg7VhdsWW2EFnGWn8Ouz9N", _START],
            "user": {
                "authkey": {"api_key": "23bc46b1-71f6-4ed5-8c54-816aa4f8c502:" + "k" * 64},
                "limits": {},
                "namespace": {"name": "guest", "uuid": "23bc46b1-71f6-4ed5-8c54-816aa4f8c502"},
                "rights": ["READ", "PUT", "DELETE", "ACTIVATE"],
                "subject": "guest",
            },
        }
        self._text = json.dumps(message, separators=(",", ":"))

    def of(self, activation_id: str) -> bytes:
        """The message of one activation."""
        text = self._text.replace(_ID, activation_id)
        return text.replace(str(_START), str(int(time.time() * 1000))).encode()
