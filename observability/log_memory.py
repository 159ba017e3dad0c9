"""The last lines of the log, for the console: as they were written, masked."""

from __future__ import annotations

import itertools
import logging
from collections import deque
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, cast

import msgspec

from observability.logging import HostileRequests, line_formatter
from services.operations.views import LogLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from structlog.typing import EventDict, WrappedLogger

LEVELS: Final = ("debug", "info", "warning", "error", "critical")

_LEVEL_NAMES: Final = {"warn": "warning", "notset": "debug", "exception": "error", "fatal": "critical"}

MAX_NEW_LINES: Final = 200
"""Between two calls of `take_new`; the oldest are left out."""

MAX_FIELD_CHARS: Final = 8_192
"""Of one field of a line in memory: a stack, as a rule."""

_OWN_MEMBERS: Final = ("timestamp", "level", "event", "logger", "trace_id", "session")


class LogMemory(logging.Handler):
    """Keeps lines; implements services.operations.ports.LogStore. Lines may come from any thread.

    Args:
        max_lines: the last so many are kept.
    """

    def __init__(self, max_lines: int) -> None:
        super().__init__()
        self._lines: deque[LogLine] = deque(maxlen=max_lines)
        self._new: deque[LogLine] = deque(maxlen=MAX_NEW_LINES)
        self._num_new = 0
        self.num_failed = 0
        self.setFormatter(line_formatter(self._keep))
        self.addFilter(HostileRequests())

    def emit(self, record: logging.LogRecord) -> None:
        """Under the handler's lock."""
        try:
            self.format(record)
        except Exception:  # noqa: BLE001  # whoever logs is never told; the line is on standard error all the same
            self.num_failed += 1

    def find(self, *, level: str = "", text: str = "", limit: int) -> list[LogLine]:
        """As LogStore. An unknown level is as none."""
        with self._alone():
            lines = list(self._lines)
        wanted = frozenset(LEVELS[LEVELS.index(level) :] if level in LEVELS else LEVELS)
        folded = text.casefold()
        found = (line for line in reversed(lines) if line.level in wanted and _has(line, folded))
        return list(itertools.islice(found, limit))

    def take_new(self) -> tuple[list[LogLine], int]:
        """As LogStore."""
        with self._alone():
            lines, num_new = list(self._new), self._num_new
            self._new.clear()
            self._num_new = 0
        return lines, num_new - len(lines)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Keep what is logged as long as the block runs."""
        root = logging.getLogger()
        root.addHandler(self)
        try:
            yield
        finally:
            root.removeHandler(self)

    def measures(self) -> dict[str, float]:
        return {"log_lines_kept": len(self._lines)}

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.acquire()
        try:
            yield
        finally:
            self.release()

    def _keep(self, _: WrappedLogger, __: str, event: EventDict) -> str:
        line = log_line(event)
        self._lines.append(line)
        self._new.append(line)
        self._num_new += 1
        return ""


def log_line(event: Mapping[str, Any]) -> LogLine:
    """What a masked event is in the list."""
    fields = {name: _text(value) for name, value in event.items() if name not in _OWN_MEMBERS}
    level = str(event.get("level", "info"))
    level = _LEVEL_NAMES.get(level, level)
    return LogLine(
        at_ms=round(datetime.fromisoformat(event["timestamp"]).timestamp() * 1000),
        level=cast("Any", level if level in LEVELS else "info"),
        event=_text(event.get("event", "")),
        logger=str(event.get("logger", "")),
        trace_id=str(event.get("trace_id", "")),
        session=str(event.get("session", "")),
        fields=fields,
    )


def _text(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=repr).decode()
    return text if len(text) <= MAX_FIELD_CHARS else text[:MAX_FIELD_CHARS] + " [cut]"


def _has(line: LogLine, folded: str) -> bool:
    if not folded:
        return True
    texts = (line.event, line.logger, line.trace_id, line.session, *line.fields, *line.fields.values())
    return any(folded in text.casefold() for text in texts)
