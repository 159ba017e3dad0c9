"""Logs: one line per event on standard error, as JSON or for reading, with secrets masked.

Everything goes through the standard library's logging, so that libraries are seen too. Every line tells in which trace
it was written and for whom, where that is known (observability.log_events).
"""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Final, Literal

from observability.log_events import as_json, masked_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Render = Callable[[Mapping[str, object]], str]

_LEVELS = {"asyncio": logging.WARNING, "alembic": logging.WARNING, "urllib3": logging.ERROR}
"""Libraries whose information is about themselves; of exports that fail, their own counters tell."""

_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
"""What moves a cursor, ends a line, colours a terminal or turns the direction of what follows."""

_STACKS: Final = frozenset({"exception", "stack", "at"})
"""Fields that are of several lines."""


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


class EventFormatter(logging.Formatter):
    """Turns records, our own and those of libraries, into masked events, and these into what `render` makes of them."""

    def __init__(self, render: Render) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        return self._render(masked_event(record))


def for_people() -> Render:
    """Renders text for a terminal; what strangers have put into it does nothing there."""
    from structlog.dev import ConsoleRenderer  # noqa: PLC0415  # 30 ms that JSON does not need

    renderer = ConsoleRenderer(colors=False)

    def render(event: Mapping[str, object]) -> str:
        harmless = {name: _harmless(name, value) for name, value in event.items()}
        return str(renderer(None, "", harmless))

    return render


def configure_logging(level: str = "info", style: Literal["json", "console"] = "json") -> None:
    """Route all logging of this process to standard error. Called once, by main."""
    handler = StandardError()
    handler.setFormatter(EventFormatter(as_json if style == "json" else for_people()))
    handler.addFilter(HostileRequests())
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False  # nobody reads them; 2 us a line
    for name, least in _LEVELS.items():
        logging.getLogger(name).setLevel(least)


def standard_error() -> StandardError | None:
    """Where lines go, for those who count what was lost; None before `configure_logging`."""
    return next((handler for handler in logging.getLogger().handlers if isinstance(handler, StandardError)), None)


def _harmless(name: str, value: object) -> object:
    """Text without what a terminal obeys. What is no text is shown as Python writes it, which escapes by itself."""
    if not isinstance(value, str) or _CONTROLS.search(value) is None:
        return value
    if name in _STACKS:
        return "\n".join(_CONTROLS.sub(_as_escape, line) for line in value.split("\n"))
    return _CONTROLS.sub(_as_escape, value)


def _as_escape(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode()
