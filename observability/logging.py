"""Logs: one line per event on standard error, as JSON or for reading, with secrets masked.

Everything goes through the standard library's logging, so that libraries are seen too.
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Literal

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

MASK = "***"

_CHATTY = ("asyncio", "alembic")
"""Libraries whose information is about themselves."""

_SECRET_NAMES = re.compile(r"token|secret|password|authorization|cookie|api_?key|^key$", re.IGNORECASE)

# A JWT, wherever it turns up: three base64url parts, the first being a JSON object.
_JWT = re.compile(r"eyJ[\w-]{5,}\.[\w-]+\.[\w-]*")


def mask_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Replace values under secret-like names, and tokens inside any text."""
    for name, value in event.items():
        if _SECRET_NAMES.search(name):
            event[name] = MASK
        elif isinstance(value, str):
            event[name] = _JWT.sub(MASK, value)
    return event


class _HostileRequests(logging.Filter):
    """What aiohttp says of a request or a body that it cannot read: the peer's bytes, with a stack.

    Anybody can cause it at will, and the bytes may be a credential in a malformed header. The peer got its 400.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        origin = f"{type(error).__module__}.{type(error).__name__}"
        return not origin.startswith(("aiohttp.http", "aiohttp.web_protocol.RequestPayloadError"))


def configure_logging(level: str = "info", style: Literal["json", "console"] = "json") -> None:
    """Route all logging of this process to standard error. Called once, by main."""
    before: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=before,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            mask_secrets,
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_HostileRequests())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
