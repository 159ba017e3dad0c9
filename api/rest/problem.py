"""Everything that goes wrong, as problem documents (RFC 9457): the one place that makes them.

A document never repeats what the client sent, except for the name of a member that is wrong; and what went wrong inside
goes to the log under the id that the document carries, never into the document.
"""

from __future__ import annotations

import logging
import math
import uuid
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import msgspec
from aiohttp import web

from hub.errors import EngineUnavailable
from hub.tokens.claims import KeysUnavailable
from sessions.refusal import Kind, Refusal
from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

logger = logging.getLogger(__name__)

MEDIA_TYPE: Final = "application/problem+json"

UNAVAILABLE: Final = (StorageUnavailable, EngineUnavailable, KeysUnavailable, TimeoutError)
"""What we depend on did not answer: nothing is wrong with the request, and it is worth repeating."""

RETRY_AFTER_S: Final = 1

CODE_OF_STATUS: Final[Mapping[int, str]] = {
    HTTPStatus.BAD_REQUEST: "invalid_request",
    HTTPStatus.NOT_FOUND: "not_found",
    HTTPStatus.METHOD_NOT_ALLOWED: "method_not_allowed",
    HTTPStatus.REQUEST_TIMEOUT: "request_timeout",
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "too_large",
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE: "unsupported_media_type",
    HTTPStatus.EXPECTATION_FAILED: "expectation_failed",
}
"""Codes of what the HTTP layer refuses before any operation sees it."""

KEPT_HEADERS: Final = ("Accept-Patch", "Accept-Post", "Allow")
"""Of an HTTP exception: what the document's reader needs."""

_ENCODER: Final = msgspec.json.Encoder()


def problem(
    status: int,
    code: str,
    detail: str = "",
    *,
    field: str = "",
    extra: Mapping[str, object] | None = None,
    headers: Mapping[str, str] | None = None,
) -> web.Response:
    """One document. Members that say nothing are left out; `extra` members stand beside the standard ones."""
    document: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "code": code,
    }
    document |= {name: value for name, value in (("detail", detail), ("field", field)) if value}
    document |= {name: value for name, value in (extra or {}).items() if name not in document}
    body = _ENCODER.encode(document)
    return web.Response(body=body, status=status, content_type=MEDIA_TYPE, headers=headers)


def problem_of(exc: Exception) -> web.Response:
    """The document for whatever a request has ended with. Unexpected exceptions are logged here."""
    if isinstance(exc, Refusal):
        return _refused(exc)
    if isinstance(exc, UNAVAILABLE):
        logger.warning("dependency_unavailable", extra={"detail": f"{type(exc).__name__}: {exc}"})
        retry_after_s = getattr(exc, "retry_after_s", RETRY_AFTER_S)
        return problem(503, "unavailable", headers={"Retry-After": str(retry_after_s)})
    if isinstance(exc, web.HTTPException):
        return _of_http(exc)
    return _unexpected(exc)


def _refused(refusal: Refusal) -> web.Response:
    headers: dict[str, str] = {}
    if refusal.kind is Kind.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    if refusal.retry_after_s:
        headers["Retry-After"] = str(math.ceil(refusal.retry_after_s))
    return problem(
        refusal.kind.value,
        refusal.code,
        refusal.detail,
        field=refusal.field,
        extra=refusal.extra,
        headers=headers,
    )


def _of_http(exc: web.HTTPException) -> web.Response:
    code = CODE_OF_STATUS.get(exc.status, "invalid_request")
    kept = {name: exc.headers[name] for name in KEPT_HEADERS if name in exc.headers}
    return problem(exc.status, code, headers=kept)


def _unexpected(exc: Exception) -> web.Response:
    instance = f"urn:uuid:{uuid.uuid4()}"
    logger.error("request_failed", exc_info=exc, extra={"instance": instance})
    return problem(500, "internal", extra={"instance": instance})
