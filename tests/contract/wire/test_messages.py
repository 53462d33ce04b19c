"""Every captured message parses, and re-serialises to the same JSON value."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from invoker_plugin.wire import ack, event, jsontext, parameters
from invoker_plugin.wire.activation import ActivationMessage
from invoker_plugin.wire.ping import parse_ping, ping
from tests.contract.wire.captured import json_value, messages, stored_record


def _name(message: Any) -> str:
    return str(message.get("activationId") or message.get("transid"))


@pytest.mark.parametrize("message", messages("invoker0"), ids=_name)
def test_activation_message_returns_unchanged(message: dict[str, Any]) -> None:
    parsed = ActivationMessage.parse(jsontext.encode(message))
    assert json_value(parsed.to_json()) == message


@pytest.mark.parametrize("message", messages("completed0"), ids=_name)
def test_ack_is_built_as_captured(message: dict[str, Any]) -> None:
    parsed = ack.parse(jsontext.encode(message))
    assert parsed.frees_slot == ("instance" in message)
    assert json_value(_rebuild(parsed, message)) == message


def _rebuild(parsed: ack.Acknowledgement, message: dict[str, Any]) -> ack.Ack:
    if parsed.instance is None:
        assert parsed.record is not None
        return ack.result(parsed.record, parsed.transid)
    if parsed.record is not None:
        return ack.combined(parsed.record, parsed.instance, parsed.transid)
    assert parsed.is_system_error is not None
    completion = ack.completion(
        parsed.activation_id, parsed.instance, parsed.is_system_error, parsed.transid
    )
    if "response" in message:  # the non-blocking fall-back, which carries the id in its place
        del completion["activationId"]
        completion["response"] = parsed.activation_id
    return completion


def test_combined_non_blocking_ack_carries_the_id_only() -> None:
    (captured,) = [
        message for message in messages("completed0") if isinstance(message.get("response"), str)
    ]
    parsed = ack.parse(jsontext.encode(captured))
    assert parsed.instance is not None
    record = stored_record(captured["response"])
    built = ack.combined(record, parsed.instance, parsed.transid, blocking=False)
    assert json_value(built) == captured


def test_shrunk_ack_is_the_one_of_the_capture() -> None:
    whole = next(message for message in messages("completed0") if "response" in message)
    shrunk = ack.shrink(whole)
    assert shrunk == {**whole, "response": whole["response"]["activationId"]}
    completion = next(message for message in messages("completed0") if "response" not in message)
    assert ack.shrink(completion) is completion


@pytest.mark.parametrize("message", messages("health"), ids=lambda message: "ping")
def test_ping_returns_unchanged(message: dict[str, Any]) -> None:
    instance, enabled = parse_ping(json.dumps(message).encode())
    assert ping(instance, enabled) == message


def _events() -> list[dict[str, Any]]:
    return [message for message in messages("events") if message["source"] == "invoker0"]


@pytest.mark.parametrize("message", _events(), ids=lambda message: message["body"]["activationId"])
def test_event_is_built_from_the_record_as_captured(message: dict[str, Any]) -> None:
    instance, _ = parse_ping(jsontext.encode(messages("health")[0]))
    record = stored_record(message["body"]["activationId"])
    built = event.activation_event(record, instance, message["userId"], message["timestamp"])
    assert json_value(built) == message


def test_encrypted_parameters_are_unlocked_to_what_was_locked() -> None:
    (message,) = [
        ActivationMessage.parse(jsontext.encode(value))
        for value in messages("invoker0")
        if value["lockedArgs"]
    ]
    keys = {"aes-128": base64.b64decode("AAECAwQFBgcICQoLDA0ODw==")}
    plain = parameters.unlock(message.content, message.locked_args, keys)
    environment, arguments = parameters.partition_arguments(plain, message.init_args)
    assert environment == {"initp": "iv"}
    assert arguments == {"secret": "s3cr3t", "obj": {"a": [1, None, "ü"]}, "plain": "p"}
