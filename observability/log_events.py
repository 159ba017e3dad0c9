"""What a record of the log is for everybody who is shown it: one event, its context, and no secret.

Several handlers look at a record: what goes to standard error, what is kept for the console. It is masked once.
"""

from __future__ import annotations

import json
import logging
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

import msgspec

from hub.log_context import NOBODY, WHO
from hub.tracing import CURRENT, UNSAMPLED
from observability.masking import mask_event

if TYPE_CHECKING:
    from collections.abc import Mapping

MASKED: Final = "_masked_event"
"""The attribute of a record that keeps what has been made of it."""

RECORD_MEMBERS: Final = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", MASKED}
"""What every record has; the rest is what `extra` said."""

OWN_MEMBERS: Final = frozenset({"event", "level", "logger", "timestamp"})
"""What a line says of itself: no `extra` replaces it."""

_LEVEL_NAMES: Final[Mapping[int, str]] = {
    logging.DEBUG: "debug",
    logging.INFO: "info",
    logging.WARNING: "warning",
    logging.ERROR: "error",
    logging.CRITICAL: "critical",
}

_UNPRINTABLE: Final = "(cannot be shown)"

_ENCODER: Final = msgspec.json.Encoder(enc_hook=repr)


def masked_event(record: logging.LogRecord) -> dict[str, object]:
    """The event, masked; made when it is first asked for. Whoever gets it changes nothing in it."""
    known: dict[str, object] | None = record.__dict__.get(MASKED)
    if known is None:
        known = record.__dict__[MASKED] = _made(record)
    return known


def as_json(event: Mapping[str, object]) -> str:
    """One line of ASCII: nothing in it moves a terminal's cursor, ends the line or reverses its direction."""
    try:
        encoded = _ENCODER.encode(event)
    except (msgspec.MsgspecError, UnicodeEncodeError, OverflowError):
        # Half a character, or a number that is too long.
        told = json.dumps(event, ensure_ascii=False, default=repr).encode(errors="replace")
        return _escaped(json.loads(told, parse_constant=str))
    return encoded.decode() if encoded.isascii() else _escaped(msgspec.json.decode(encoded))


def _escaped(event: object) -> str:
    return json.dumps(event, separators=(",", ":"))


def _made(record: logging.LogRecord) -> dict[str, object]:
    try:
        return mask_event(_event_of(record))
    except Exception as exc:  # noqa: BLE001  # who wrote it must hear nothing, and the others want the line
        return mask_event(
            _own(record, _UNPRINTABLE) | {"at": f"{record.filename}:{record.lineno}", "why": type(exc).__name__}
        )


def _event_of(record: logging.LogRecord) -> dict[str, object]:
    event = _own(record, record.getMessage())
    for name, value in record.__dict__.items():
        if name not in RECORD_MEMBERS and name not in OWN_MEMBERS:
            event[name] = value
    _add_context(event)
    if record.stack_info:
        event["stack"] = record.stack_info
    if record.exc_info and record.exc_info[0] is not None:
        event["exception"] = "".join(traceback.format_exception(*record.exc_info)).rstrip("\n")
    return event


def _own(record: logging.LogRecord, told: str) -> dict[str, object]:
    return {
        "event": told,
        "level": _LEVEL_NAMES.get(record.levelno) or record.levelname.lower(),
        "logger": record.name,
        "timestamp": _iso(record.created),
    }


def _iso(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _add_context(event: dict[str, object]) -> None:
    """The trace, and whom the task works for; what the line itself says of it stands."""
    trace = CURRENT.get()
    if trace is not None and trace.trace_id != UNSAMPLED.trace_id:
        event.setdefault("trace_id", trace.trace_id)
        event.setdefault("span_id", trace.span_id)
    who = WHO.get()
    if who is not NOBODY:
        for name, value in zip(who._fields, who, strict=True):
            if value:
                event.setdefault(name, value)
