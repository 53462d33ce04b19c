"""A small client of OpenWhisk's REST API, as far as the demo needs one."""

from __future__ import annotations

import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from devstack.errors import DevstackError

Json = Any
_POLL_S = 0.2


@dataclass(frozen=True)
class Invocation:
    """What came of one activation."""

    activation_id: str
    success: bool
    result: Json


class Client:
    """Calls in the namespace of the key ``authorization`` (``uuid:key``)."""

    def __init__(self, url: str, authorization: str, timeout_s: float = 180.0) -> None:
        self._base = f"{url}/api/v1/namespaces/_"
        self._authorization = "Basic " + base64.b64encode(authorization.encode()).decode()
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def put_action(
        self,
        name: str,
        kind: str,
        code: str,
        *,
        limits: Mapping[str, int],
        annotations: Mapping[str, Json],
    ) -> None:
        """Create the action ``name`` or replace it; either way it gets a new revision."""
        body = {
            "exec": {"kind": kind, "code": code},
            "limits": dict(limits),
            "annotations": [{"key": key, "value": value} for key, value in annotations.items()],
        }
        self._call("PUT", f"/actions/{quote(name)}?overwrite=true", body)

    def invoke(self, name: str, arguments: Mapping[str, Json]) -> Invocation:
        """Invoke an action and wait for what comes of it."""
        answer = self._call("POST", f"/actions/{quote(name)}?blocking=true", dict(arguments))
        if "response" not in answer:
            # The controller stops waiting after a minute and gives the id alone (HTTP 202).
            answer = self._await_record(answer["activationId"])
        response = answer["response"]
        success = bool(response.get("success", response.get("status") == "success"))
        return Invocation(answer["activationId"], success, response.get("result"))

    def invoke_together(
        self, name: str, arguments: Sequence[Mapping[str, Json]]
    ) -> list[Invocation]:
        """Invoke an action once with each of ``arguments``, all at the same time."""
        with ThreadPoolExecutor(len(arguments)) as pool:
            return list(pool.map(lambda given: self.invoke(name, given), arguments))

    def record(self, activation_id: str) -> Json:
        """Return the activation's record; waits for it, since it is stored after the answer."""
        return self._await_record(activation_id)

    def _await_record(self, activation_id: str) -> Json:
        deadline = time.monotonic() + self._timeout_s
        while time.monotonic() < deadline:
            record = self._call("GET", f"/activations/{quote(activation_id)}", accept=(404,))
            if "response" in record:
                return record
            time.sleep(_POLL_S)
        raise DevstackError(f"activation {activation_id} has no record {self._timeout_s:.0f} s on")

    def _call(
        self, method: str, path: str, body: Json = None, accept: tuple[int, ...] = ()
    ) -> Json:
        request = urllib.request.Request(
            self._base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": self._authorization, "Content-Type": "application/json"},
        )
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                text = error.read().decode(errors="replace")
            # 502 carries the record of an activation that failed: that is an answer.
            if error.code in (*accept, 502):
                return json.loads(text)
            raise DevstackError(
                f"{method} {path}: the controller answered {error.code} {text}"
            ) from error
        except urllib.error.URLError as error:
            raise DevstackError(f"{method} {path}: no controller: {error.reason}") from error
