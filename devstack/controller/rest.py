"""What every handler needs of a request: identity, namespace, query parameters, body."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any

from aiohttp import web

from devstack.controller.faults import ApiFault, BadRequest, Forbidden, TooLarge
from devstack.controller.identity import Authenticator, Identity
from devstack.controller.messages import Transaction, new_transaction
from devstack.controller.names import DEFAULT_NAMESPACE

logger = logging.getLogger(__name__)
Json = Any
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_TRANSACTION: ContextVar[Transaction] = ContextVar("transaction")
"""Of the request that the current task serves."""
LIST_DEFAULT, LIST_MAXIMUM = 30, 200


def now_ms() -> int:
    """Milliseconds since 1970."""
    return int(time.time() * 1000)


@web.middleware
async def answer_faults(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request a transaction id, and each fault the error body that clients read."""
    begun = new_transaction(now_ms())
    _TRANSACTION.set(begun)
    try:
        response = await handler(request)
    except ApiFault as fault:
        if fault.status >= 500:
            logger.warning("%s %s: %s", request.method, request.path, fault.text)
        response = _error(fault.status, fault.text, begun)
    except web.HTTPException as refusal:
        if refusal.status < 400:
            raise
        text = "The requested resource does not exist." if refusal.status == 404 else refusal.reason
        response = _error(refusal.status, text, begun)
    response.headers["X-Request-ID"] = begun.identifier
    return response


def transaction() -> Transaction:
    """The transaction that the middleware began for the request being served."""
    return _TRANSACTION.get()


async def identify(request: web.Request, authenticator: Authenticator) -> Identity:
    """Who asks; raises :class:`Unauthorized`."""
    return await authenticator.identify(request.headers.get("Authorization"))


def namespace_of(request: web.Request, identity: Identity) -> str:
    """The namespace of the path; ``_`` is the asker's own."""
    named: str = request.match_info["namespace"]
    return identity.namespace if named == DEFAULT_NAMESPACE else named


def own_namespace(request: web.Request, identity: Identity) -> str:
    """The namespace of the path, which must be the asker's own; raises :class:`Forbidden`."""
    namespace = namespace_of(request, identity)
    if namespace != identity.namespace:
        raise Forbidden
    return namespace


async def body_of(request: web.Request) -> Json:
    """The JSON body, ``{}`` when there is none."""
    text = await request.read()
    if not text.strip():
        return {}
    try:
        return json.loads(text)
    except ValueError as error:
        raise BadRequest.malformed(f"the body is not JSON: {error}") from error


async def payload_of(request: web.Request, allowed_bytes: int) -> Json:
    """The body of an invocation: an object or an array of at most ``allowed_bytes``."""
    size = request.content_length
    if size is not None and size > allowed_bytes:
        raise TooLarge("Request", size, allowed_bytes)
    payload = await body_of(request)
    read = len(await request.read())
    if read > allowed_bytes:
        raise TooLarge("Request", read, allowed_bytes)
    if not isinstance(payload, (dict, list)):
        raise BadRequest.malformed("the arguments must be a JSON object or array")
    return payload


def flag(request: web.Request, name: str, default: bool = False) -> bool:
    """A query parameter that is true or false."""
    text = request.query.get(name)
    if text is None:
        return default
    if text.lower() not in ("true", "false"):
        raise BadRequest.malformed(f"'{name}' must be true or false, not '{text}'")
    return text.lower() == "true"


def number(request: web.Request, name: str, default: int) -> int:
    """A query parameter that is an integer of at least 0."""
    text = request.query.get(name)
    if text is None or text == "":
        return default
    if not text.isascii() or not text.isdigit():
        raise BadRequest.malformed(f"'{name}' must be an integer of at least 0, not '{text}'")
    return int(text)


def page(request: web.Request, collection: str) -> tuple[int, int]:
    """``skip`` and ``limit`` of a list; a limit of 0 means the greatest allowed."""
    limit = number(request, "limit", LIST_DEFAULT)
    if limit > LIST_MAXIMUM:
        raise BadRequest.malformed(
            f"The value '{limit}' is not in the range of 0 to {LIST_MAXIMUM} for the {collection}."
        )
    return number(request, "skip", 0), limit or LIST_MAXIMUM


def answer(body: Json, status: int = 200, **headers: str) -> web.Response:
    """A JSON response."""
    text = json.dumps(body, ensure_ascii=False)
    return web.Response(
        text=text, status=status, content_type="application/json", headers=headers or None
    )


def _error(status: int, text: str, begun: Transaction) -> web.Response:
    return answer({"code": begun.identifier, "error": text}, status)
