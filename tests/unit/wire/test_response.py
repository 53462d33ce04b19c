"""A container's answer becomes a response (behaviours 73, 109-111)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoker_plugin.wire import jsontext, texts
from invoker_plugin.wire.response import ActivationResponse

LIMIT_BYTES = 100


def _run(status: int | None, body: bytes) -> ActivationResponse:
    return ActivationResponse.from_run(status, body, len(body), LIMIT_BYTES)


def _init(status: int | None, body: bytes) -> ActivationResponse:
    return ActivationResponse.from_init(status, body, len(body), LIMIT_BYTES)


@pytest.mark.parametrize(
    ("status", "body", "code", "result"),
    [
        (200, b'{"a":1}', 0, {"a": 1}),
        (200, b"{}", 0, {}),
        (200, b"[1,2]", 0, [1, 2]),
        (200, b'{"error":{"code":7},"x":1}', 1, {"error": {"code": 7}}),
        (200, b'{"error":null}', 1, {"error": None}),
        (502, b'{"error":"boom"}', 2, {"error": "boom"}),
        (500, b'{"a":1}', 2, {"error": texts.invalid_run_response('{"a":1}')}),
        (500, b"[1]", 2, {"error": texts.invalid_run_response("[1]")}),
        (200, b'"text"', 2, {"error": texts.invalid_run_response('"text"')}),
        (200, b"null", 2, {"error": texts.invalid_run_response("null")}),
        (200, b"{not json", 2, {"error": texts.invalid_run_response("{not json")}),
        (200, b'{"a":NaN}', 2, {"error": texts.invalid_run_response('{"a":NaN}')}),
    ],
)
def test_run_answer(status: int, body: bytes, code: int, result: Any) -> None:
    response = _run(status, body)
    assert (response.status_code, response.result, response.size) == (code, result, len(body))


@pytest.mark.parametrize(("status", "body"), [(None, b""), (200, b""), (502, b"")])
def test_no_answer_has_no_size(status: int | None, body: bytes) -> None:
    expected = {"statusCode": 2, "result": {"error": texts.ABNORMAL_RUN}}
    assert _run(status, body).to_json() == expected
    expected = {"statusCode": 2, "result": {"error": texts.ABNORMAL_INITIALIZATION}}
    assert _init(status, body).to_json() == expected


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b'{"error":"no main"}', "no main"),
        (b'{"a":1}', texts.invalid_init_response('{"a":1}')),
        (b"Traceback", texts.invalid_init_response("Traceback")),
    ],
)
def test_failed_init(body: bytes, error: str) -> None:
    response = _init(502, body)
    assert (response.status_code, response.result) == (2, {"error": error})


def test_truncated_result_is_an_application_error_that_keeps_the_container() -> None:
    kept = b'{"r":"' + b"a" * (LIMIT_BYTES - 6)
    response = ActivationResponse.from_run(200, kept, 5000, LIMIT_BYTES)
    assert (response.status_code, response.size) == (1, 5000)
    assert response.keeps_container
    assert response.result == {"error": texts.truncated_response(kept.decode(), 5000, LIMIT_BYTES)}


def test_size_counts_as_java_does() -> None:
    body = '{"r":"ü😀"}'.encode()
    assert _run(200, body).size == len(body.decode()) + 1


@given(st.none() | st.sampled_from([200, 404, 502]), st.binary(max_size=120))
def test_any_answer_becomes_a_response_that_can_be_sent(status: int | None, body: bytes) -> None:
    for response in (_run(status, body), _init(status, body)):
        assert response.status_code in (0, 1, 2)
        jsontext.encode(response.to_json())


def test_only_a_whisk_error_is_a_system_error() -> None:
    assert ActivationResponse.whisk_error("x").is_whisk_error
    assert not ActivationResponse.developer_error("x").is_whisk_error
    assert not ActivationResponse.developer_error("x").keeps_container
