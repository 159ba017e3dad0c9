"""Logs: one line per event on standard error, as JSON or for reading, with secrets masked.

Everything goes through the standard library's logging, so that libraries are seen too. Every line tells in which trace
it was written and for whom, where that is known.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Literal

import structlog

from hub.log_context import NOBODY, WHO
from hub.tracing import CURRENT, UNSAMPLED
from observability.masking import mask_event

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

_LEVELS = {"asyncio": logging.WARNING, "alembic": logging.WARNING, "urllib3": logging.ERROR}
"""Libraries whose information is about themselves; of exports that fail, their own counters tell."""


def mask_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """What everybody may read of it (observability.masking)."""
    return mask_event(event)


def add_context(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
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
    return event


class HostileRequests(logging.Filter):
    """What aiohttp says of a request or a body that it cannot read: the peer's bytes, with a stack.

    Anybody can cause it at will, and the bytes may be a credential in a malformed header. The peer got its 400.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        origin = f"{type(error).__module__}.{type(error).__name__}"
        return not origin.startswith(("aiohttp.http", "aiohttp.web_protocol.RequestPayloadError"))


class StandardError(logging.StreamHandler):  # type: ignore[type-arg]  # generic for type checkers only
    """Writes lines, and never fails who logs: a reader that has gone costs the lines, not the node.

    Attributes:
        num_lost: lines that could not be written.
    """

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self.num_lost = 0

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802  # logging's name
        """The standard library would write about it to the stream that is broken, and may raise."""
        self.num_lost += 1

    def measures(self) -> dict[str, float]:
        return {"log_lines_lost": self.num_lost}


def line_formatter(render: Processor) -> logging.Formatter:
    """Turns records, our own and those of libraries, into masked events, and these into what `render` makes of them."""
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_context,
    ]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            mask_secrets,
            render,
        ],
    )


def configure_logging(level: str = "info", style: Literal["json", "console"] = "json") -> None:
    """Route all logging of this process to standard error. Called once, by main."""
    render: Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    handler = StandardError()
    handler.setFormatter(line_formatter(render))
    handler.addFilter(HostileRequests())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name, least in _LEVELS.items():
        logging.getLogger(name).setLevel(least)


def standard_error() -> StandardError | None:
    """Where lines go, for those who count what was lost; None before `configure_logging`."""
    return next((handler for handler in logging.getLogger().handlers if isinstance(handler, StandardError)), None)
