"""What containers answered becomes the response that the stock invoker stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from invoker_plugin.wire import texts
from invoker_plugin.wire.response import ActivationResponse
from tests.contract.wire.captured import json_value, lines

LIMIT_BYTES = 1_048_576


def _stored() -> dict[str, dict[str, Any]]:
    return {line["doc"]["activationId"]: line["doc"] for line in lines("activations.jsonl")}


def _runs() -> list[Any]:
    stored = _stored()
    found = []
    for line in lines("container-http.jsonl"):
        if not line["request_line"].startswith("POST /run") or line["case"] == "timeout_run":
            continue
        activation_id = line["request_body"]["activation_id"]
        if activation_id in stored:
            found.append(pytest.param(line, stored[activation_id]["response"], id=activation_id))
    return found


@pytest.mark.parametrize(("exchange", "expected"), _runs())
def test_run_response_is_the_stored_one(exchange: dict[str, Any], expected: dict[str, Any]) -> None:
    if exchange["status_line"] is None:
        response = ActivationResponse.from_run(None, b"", 0, LIMIT_BYTES)
    else:
        status = int(exchange["status_line"].split()[1])
        body = _body(exchange)
        response = ActivationResponse.from_run(status, body, len(body), LIMIT_BYTES)
    if "chars>" in json.dumps(expected):
        assert response.status_code == expected["statusCode"]
        assert response.size == expected["size"]
        return
    if response.result == {"error": texts.ABNORMAL_RUN} and "memory" in str(expected):
        return  # told apart from a crash by Docker, not by the answer
    assert json_value(response.to_json()) == expected


def _body(exchange: dict[str, Any]) -> bytes:
    """Return the answer's bytes; those cut in the capture are restored to their length."""
    body = exchange["response_body"]
    text = json.dumps(body, ensure_ascii=False)
    cut = text.find("...<")
    if cut < 0:
        return text.encode()
    missing = exchange["response_bytes"] - len(text[:cut].encode()) - len('"}')
    return (text[:cut] + "a" * missing + '"}').encode()


def test_failed_init_is_the_stored_one() -> None:
    (exchange,) = [
        line
        for line in lines("container-http.jsonl")
        if line["case"] == "init_error" and line["request_line"].startswith("POST /init")
    ]
    activation_id = exchange["request_body"]["value"]["env"]["__OW_ACTIVATION_ID"]
    status = int(exchange["status_line"].split()[1])
    body = _body(exchange)
    response = ActivationResponse.from_init(status, body, len(body), LIMIT_BYTES)
    assert response.to_json() == _stored()[activation_id]["response"]


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("timeout_run", texts.time_limit_exceeded(700)),
        ("timeout_init", texts.time_limit_exceeded(700, during_init=True)),
        ("memory_limit", texts.MEMORY_EXHAUSTED),
        ("exit_run", texts.ABNORMAL_RUN),
        ("action_deleted", texts.ACTION_REMOVED),
        ("blackbox_missing", texts.image_pull_failed("127.0.0.1:5999/lab/nosuch:v9")),
    ],
)
def test_error_text_is_the_captured_one(case: str, text: str) -> None:
    (document,) = [line["doc"] for line in lines("activations.jsonl") if line["case"] == case]
    assert document["response"]["result"] == {"error": text}


@pytest.mark.parametrize(
    ("case", "text"),
    [
        ("log_limit", texts.logs_truncated(1_048_576)),
        ("timeout_run", texts.LOG_DEVELOPER_ERROR),
    ],
)
def test_log_text_is_the_captured_one(case: str, text: str) -> None:
    (document,) = [line["doc"] for line in lines("activations.jsonl") if line["case"] == case]
    assert document["logs"][-1].endswith(f"stderr: {text}")
