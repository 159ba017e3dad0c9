"""CloudEvents 1.0 from messages: structured and binary, and plain JSON, which is an event without a type. Pure.

Only the envelope is read. The data stays the bytes that the publisher wrote; it is checked, not decoded.
Source: CloudEvents 1.0.2 and its JSON format, AMQP and HTTP bindings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw

from hub.errors import ReplyError
from hub.payload import MAX_DEPTH, MAX_DIGITS, clean_payload, parse_payload
from hub.protocol.surrogates import mend_surrogates
from hub.relay.json_values import text_of
from hub.relay.rejection import MALFORMED, REFUSED, UNKNOWN_VERSION, Rejected

if TYPE_CHECKING:
    from collections.abc import Collection

    from hub.relay.message import Message

STRUCTURED: Final = "application/cloudevents+json"
BATCH: Final = "application/cloudevents-batch+json"
_ANY_FORMAT: Final = "application/cloudevents"

PREFIXES: Final = ("ce-", "cloudevents:", "cloudevents_")
"""Of headers that are attributes: HTTP and Redis streams, AMQP, AMQP where a colon may not be (in small letters)."""

REQUIRED: Final = ("id", "source", "type")

VERSION: Final = "1.0"

_VERSION_FORM: Final = re.compile(r"[0-9]{0,2}(?:\.[0-9]{1,2}){0,2}", re.ASCII)
_MEDIA_TYPE_FORM: Final = re.compile(r"[a-z]{1,20}/[a-z.+-]{1,60}", re.ASCII)

NO_DATA: Final = Raw(b"null")

_ENVELOPE: Final = msgspec.json.Decoder(dict[str, Raw])


class Event(msgspec.Struct, frozen=True, gc=False):
    """One event.

    Attributes:
        attributes: those that were asked for, `id`, `source` and `type`; empty for plain JSON.
        data: one JSON value that has passed `hub.payload`; `null` for an event without data.
    """

    attributes: dict[str, str]
    data: Raw

    @property
    def key(self) -> str:
        """What tells this event from all others, by the specification; "" for plain JSON."""
        attributes = self.attributes
        return f"{attributes['source']} {attributes['id']}" if attributes else ""


def decode_event(message: Message, wanted: Collection[str] = ()) -> Event:
    """Read a message.

    Args:
        wanted: names of further attributes, extensions among them.

    Raises:
        Rejected: malformed, unknown_version, or refused where the data is not JSON.
    """
    content_type = media_type(message.content_type)
    if content_type.startswith(_ANY_FORMAT):
        return _structured(message, content_type, wanted)
    attributes = binary_attributes(message.headers)
    if attributes:
        _require_json(content_type)
        return Event(_picked(attributes, wanted), _parsed(message.body))
    return Event({}, _parsed(message.body) if message.body else _empty())


def media_type(content_type: str) -> str:
    """Without its parameters, in small letters."""
    return content_type.partition(";")[0].strip().lower() if content_type else ""


def binary_attributes(headers: dict[str, str]) -> dict[str, str]:
    """The attributes among the headers, by their names without the prefix."""
    attributes: dict[str, str] = {}
    for name, value in headers.items():
        lower = name.lower()
        for prefix in PREFIXES:
            if lower.startswith(prefix):
                attributes[lower[len(prefix) :]] = value
                break
    return attributes


def is_json(content_type: str) -> bool:
    """Whether data of this media type is JSON; JSON is also what is meant when nothing is said."""
    return content_type in ("", "application/json", "text/json") or content_type.endswith("+json")


# --- structured -----------------------------------------------------------------------------------------------------


def _structured(message: Message, content_type: str, wanted: Collection[str]) -> Event:
    if content_type != STRUCTURED:
        raise Rejected(MALFORMED, f"content type {content_type!r} is not taken here, only {STRUCTURED}")
    envelope = _envelope(message.body)
    attributes = _picked(_texts(envelope, (*REQUIRED, "specversion", *wanted)), wanted)
    _require_json(media_type(_attribute(envelope, "datacontenttype")))
    if "data_base64" in envelope:
        raise Rejected(REFUSED, "binary data cannot be published, only JSON in data", "data_base64")
    data = envelope.get("data")
    return Event(attributes, NO_DATA if data is None else _cleaned(bytes(data)))


def _envelope(body: bytes) -> dict[str, Raw]:
    try:
        return _ENVELOPE.decode(body)
    except msgspec.ValidationError as exc:
        raise Rejected(MALFORMED, "the event is not a JSON object") from exc
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as exc:
        mended = mend_surrogates(body)
        if mended != body:
            return _envelope(mended)
        raise Rejected(MALFORMED, "the event is not JSON in UTF-8") from exc


def _texts(envelope: dict[str, Raw], names: Collection[str]) -> dict[str, str]:
    return {name: text for name in names if (text := _attribute(envelope, name))}


def _attribute(envelope: dict[str, Raw], name: str) -> str:
    """As text, numbers and booleans as they are written; "" where it is absent or null.

    Raises:
        Rejected: it holds an object or a list.
    """
    raw = envelope.get(name)
    if raw is None:
        return ""
    try:
        return text_of(raw) or ""
    except ValueError as exc:
        raise Rejected(MALFORMED, str(exc), name) from exc


# --- both -----------------------------------------------------------------------------------------------------------


def _picked(attributes: dict[str, str], wanted: Collection[str]) -> dict[str, str]:
    version = attributes.get("specversion", "")
    if version != VERSION:
        # What else may stand there is not repeated: the detail is in a problem document, or beside a dead letter.
        found = repr(version) if _VERSION_FORM.fullmatch(version) else "something else"
        raise Rejected(UNKNOWN_VERSION, f"is {found}, must be {VERSION!r}", "specversion")
    for name in REQUIRED:
        if not attributes.get(name):
            raise Rejected(MALFORMED, "must be set", name)
    return {name: attributes[name] for name in (*REQUIRED, *wanted) if name in attributes}


def _require_json(content_type: str) -> None:
    if not is_json(content_type):
        found = repr(content_type) if _MEDIA_TYPE_FORM.fullmatch(content_type) else "what it says"
        raise Rejected(REFUSED, f"{found} is not JSON", "datacontenttype")


def _parsed(body: bytes) -> Raw:
    """The data of a binary event, or a plain body."""
    if not body:
        return NO_DATA
    try:
        return parse_payload(body)
    except ReplyError as exc:
        mended = mend_surrogates(body)
        if mended != body:
            return _parsed(mended)
        raise Rejected(MALFORMED, f"the body is not one JSON value in UTF-8{_LIMITS}") from exc


def _cleaned(data: bytes) -> Raw:
    try:
        return clean_payload(data)
    except ReplyError as exc:
        raise Rejected(MALFORMED, f"is not UTF-8{_LIMITS}", "data") from exc


def _empty() -> Raw:
    raise Rejected(MALFORMED, "the body is empty")


_LIMITS: Final = f", or nested deeper than {MAX_DEPTH}, or holds a number of more than {MAX_DIGITS} digits"
