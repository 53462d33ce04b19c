"""OpenWhisk's container contract in one file: POST /init, POST /run, sentinels. No fork protocol.

For tests of images that know nothing of forks; not a replacement of OpenWhisk's Python runtime.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

SENTINEL = "XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX"
_VARIABLES = (
    "api_key",
    "namespace",
    "action_name",
    "action_version",
    "activation_id",
    "transaction_id",
    "deadline",
)


class Refused(Exception):
    """An error answer: status and text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class Action:
    """The one action of this container."""

    def __init__(self) -> None:
        self._function: Callable[[Any], Any] | None = None

    def initialise(self, content: Any) -> Any:
        """``/init``."""
        value = content.get("value") or {}
        if self._function is not None:
            raise Refused(403, "Cannot initialize the action more than once.")
        if not value.get("code"):
            raise Refused(403, "Missing main/no code to execute.")
        if value.get("binary"):
            raise Refused(502, "This test runtime takes no zip.")
        for name, text in (value.get("env") or {}).items():
            os.environ[name] = text
        names: dict[str, Any] = {"__name__": "main__"}
        try:
            exec(compile(value["code"], "action.py", "exec"), names)
            self._function = names[value.get("main") or "main"]
        except Exception as error:
            traceback.print_exc()
            text = "The action failed to generate or locate a binary. See logs for details."
            raise Refused(502, text) from error
        return {"ok": True}

    def run(self, content: Any) -> Any:
        """``/run``."""
        if self._function is None:
            raise Refused(500, "The action is not initialized yet: send /init first.")
        for name in _VARIABLES:
            if name in content:
                os.environ["__OW_" + name.upper()] = str(content[name])
        try:
            result = self._function(content.get("value", {}))
        except Exception as error:
            traceback.print_exc()
            raise Refused(502, f"An error has occurred: {error}") from error
        if not isinstance(result, (dict, list)):
            raise Refused(502, "The action did not return a dictionary or array.")
        return result


class Handler(BaseHTTPRequestHandler):
    """One request."""

    action = Action()
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """``/init`` and ``/run``."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        verbs = {"/init": self.action.initialise, "/run": self.action.run}
        try:
            status, content = 200, verbs[self.path](json.loads(body))
        except Refused as refusal:
            status, content = refusal.status, {"error": str(refusal)}
        except (KeyError, ValueError) as error:
            status, content = 400, {"error": f"{type(error).__name__}: {error}"}
        if self.path == "/run" or status != 200:
            for stream in (sys.stdout, sys.stderr):
                print(SENTINEL, file=stream, flush=True)
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """The container's output belongs to the action."""


def main() -> None:
    """Serve until SIGTERM."""
    server = ThreadingHTTPServer(("0.0.0.0", int(os.environ.get("PORT", "8080"))), Handler)
    stop = threading.Thread(target=server.shutdown)
    signal.signal(signal.SIGTERM, lambda *_: stop.start())
    server.serve_forever()


if __name__ == "__main__":
    main()
