"""Activation records: as stored and acknowledged, and as the API shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Json = Any
Record = Mapping[str, Json]
SUCCESS, APPLICATION_ERROR, DEVELOPER_ERROR, WHISK_ERROR = range(4)
_STATUS = {
    SUCCESS: "success",
    APPLICATION_ERROR: "application error",
    DEVELOPER_ERROR: "action developer error",
    WHISK_ERROR: "whisk internal error",
}
_HTTP = {SUCCESS: 200, APPLICATION_ERROR: 502, DEVELOPER_ERROR: 502, WHISK_ERROR: 500}
_INTERNAL = frozenset({"_id", "_rev", "entityType", "updated", "response"})


def shown(record: Record) -> dict[str, Json]:
    """The whole record as the API answers it: the response's status in words."""
    public = {key: value for key, value in record.items() if key not in _INTERNAL}
    public["response"] = shown_response(record)
    return public


def shown_response(record: Record) -> dict[str, Json]:
    """The ``response`` part of :func:`shown`."""
    response = record["response"]
    public: dict[str, Json] = {"result": response.get("result")}
    if "size" in response:
        public["size"] = response["size"]
    public["status"] = _STATUS.get(response["statusCode"], _STATUS[WHISK_ERROR])
    public["success"] = response["statusCode"] == SUCCESS
    return public


def http_status(record: Record) -> int:
    """The status with which a blocking invocation that ended so is answered."""
    return _HTTP.get(record["response"]["statusCode"], 500)


def summary(value: Record) -> dict[str, Json]:
    """A line of the list, from the view's value: what is undefined there is left out."""
    return {key: item for key, item in value.items() if item is not None}
