"""Spans that end with an exception, and exceptions that have come out of spans."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from hub.errors import Disconnected, ReplyError
from hub.protocol.codes import INTERNAL
from hub.tracing import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hub.protocol.codes import ErrorCode
    from hub.tracing import Span, TraceContext

CANCELLED: Final = "cancelled"

_CONTEXT: Final = "syncline_trace"
"""The attribute by which an exception keeps the innermost context that it came out of."""


def fail(span: Span, exc: BaseException) -> None:
    """It ended with this exception, which remembers where it came from: see `resumed`.

    The text of an exception may hold what nobody should read elsewhere: its type has to do.
    """
    exc.__dict__.setdefault(_CONTEXT, span.context)
    if isinstance(exc, ReplyError):
        _refuse(span, exc.error)
    elif isinstance(exc, Disconnected):
        span.set("syncline.close_code", exc.disconnect.code)
    elif isinstance(exc, asyncio.CancelledError):
        span.fail(CANCELLED)
    else:
        span.fail(type(exc).__qualname__)


def _refuse(span: Span, error: ErrorCode) -> None:
    """A refusal is an answer like any other, unless the fault is ours."""
    span.set("syncline.error_code", error.code)
    if error.temporary or error.code == INTERNAL.code:
        span.fail(str(error.code), error.message)


@contextmanager
def resumed(exc: BaseException) -> Iterator[None]:
    """For whoever logs an exception further up: in the context that it came out of, where that was followed."""
    context: TraceContext | None = exc.__dict__.get(_CONTEXT)
    if context is None:
        yield
        return
    token = CURRENT.set(context)
    try:
        yield
    finally:
        CURRENT.reset(token)
