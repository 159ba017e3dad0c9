"""The trace context in the data of an RPC: taken out before the method reads the rest. Pure."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec import UNSET, Raw

from hub.protocol.messages import OptionalRaw
from hub.tracing import TRACEPARENT, TRACESTATE, TraceContext, parse_context

MENTION: Final = b'"traceparent"'
"""Data without it has no context: the quick look."""

_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_TEXT: Final = msgspec.json.Decoder(str)


def take_context(data: OptionalRaw) -> tuple[OptionalRaw, TraceContext | None]:
    """The data without the context, and the context. Data that is no object, or has none, stays the bytes it is."""
    if data is UNSET:
        return data, None
    raw = bytes(data)
    if MENTION not in raw:
        return data, None
    try:
        members = _OBJECT.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return data, None  # the method says what is wrong with it
    if TRACEPARENT not in members:
        return data, None  # it was further down
    context = parse_context(_text(members.pop(TRACEPARENT)), _text(members.pop(TRACESTATE, None)))
    return Raw(msgspec.json.encode(members)), context


def _text(value: Raw | None) -> str | None:
    if value is None:
        return None
    try:
        return _TEXT.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
