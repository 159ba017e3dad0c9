"""The last lines of the log, for the console: as they were written, masked.

Lines come by the hundred and are rarely looked at, so they are kept as text, and read when somebody looks.
"""

from __future__ import annotations

import itertools
import logging
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import msgspec

from observability.log_events import as_json, masked_event
from observability.logging import HostileRequests
from services.operations.views import LogLine

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

LEVELS: Final = ("debug", "info", "warning", "error", "critical")

_LEVEL_NAMES: Final = {"warn": "warning", "notset": "debug", "exception": "error", "fatal": "critical"}

MAX_NEW_LINES: Final = 200
"""Between two calls of `take_new`; the oldest are left out."""

MAX_FIELD_CHARS: Final = 8_192
"""Of one field of a line in memory: a stack, as a rule."""

MAX_LINE_CHARS: Final = 4 * MAX_FIELD_CHARS
"""Of a whole line; of one that is longer the first fields are kept, and the names of others."""

MAX_FIELDS: Final = 100
MAX_NAME_CHARS: Final = 64

_OWN_MEMBERS: Final = ("timestamp", "level", "event", "logger", "trace_id", "session")
_OWN_NAMES: Final = frozenset(_OWN_MEMBERS)
_LEFT_OUT: Final = "[left out]"
_ESCAPED: Final = frozenset('"\\')


class _Kept(NamedTuple):
    at_ms: int
    level: str
    text: str


class LogMemory(logging.Handler):
    """Keeps lines; implements services.operations.ports.LogStore. Lines may come from any thread.

    Args:
        max_lines: the last so many are kept.
    """

    def __init__(self, max_lines: int) -> None:
        super().__init__()
        self._lines: deque[_Kept] = deque(maxlen=max_lines)
        self._new: deque[_Kept] = deque(maxlen=MAX_NEW_LINES)
        self._num_new = 0
        self.num_failed = 0
        self.addFilter(HostileRequests())

    def emit(self, record: logging.LogRecord) -> None:
        """Under the handler's lock."""
        try:
            kept = _kept(masked_event(record), record.created)
        except Exception:  # noqa: BLE001  # whoever logs is never told; the line is on standard error all the same
            self.num_failed += 1
            return
        self._lines.append(kept)
        self._new.append(kept)
        self._num_new += 1

    def find(self, *, level: str = "", text: str = "", limit: int) -> list[LogLine]:
        """As LogStore. An unknown level is as none."""
        with self._alone():
            kept = list(self._lines)
        wanted = frozenset(LEVELS[LEVELS.index(level) :] if level in LEVELS else LEVELS)
        return list(itertools.islice(_matching(kept, wanted, text.casefold()), limit))

    def take_new(self) -> tuple[list[LogLine], int]:
        """As LogStore."""
        with self._alone():
            kept, num_new = list(self._new), self._num_new
            self._new.clear()
            self._num_new = 0
        return [_line(each) for each in kept], num_new - len(kept)

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


def _kept(event: Mapping[str, object], at_s: float) -> _Kept:
    level = str(event["level"])
    level = _LEVEL_NAMES.get(level, level)
    text = as_json(event)
    if len(text) > MAX_LINE_CHARS:
        text = as_json(_shortened(event))
    return _Kept(round(at_s * 1000), level if level in LEVELS else "info", text)


def _shortened(event: Mapping[str, object]) -> dict[str, object]:
    """Fields cut, and as many of them as there is room for: whoever logs decides how many there are."""
    short: dict[str, object] = {name: _text(event[name]) for name in _OWN_MEMBERS if name in event}
    room = MAX_LINE_CHARS
    for name, value in itertools.islice(event.items(), MAX_FIELDS):
        if name not in short:
            text = _text(value)
            room -= len(text)
            short[name[:MAX_NAME_CHARS]] = text if room >= 0 else _LEFT_OUT
    return short


def _matching(kept: Sequence[_Kept], wanted: frozenset[str], folded: str) -> Iterator[LogLine]:
    """Newest first."""
    # What JSON writes as it is stands in the text of the line too: most lines need no closer look.
    is_plain = folded.isascii() and folded.isprintable() and not _ESCAPED & set(folded)
    for each in reversed(kept):
        if each.level not in wanted or (is_plain and folded not in each.text.casefold()):
            continue
        line = _line(each)
        if _has(line, folded):
            yield line


def _line(kept: _Kept) -> LogLine:
    """What a kept line is in the list."""
    event: dict[str, Any] = msgspec.json.decode(kept.text)
    return LogLine(
        at_ms=kept.at_ms,
        level=cast("Any", kept.level),
        event=_text(event.get("event", "")),
        logger=str(event.get("logger", "")),
        trace_id=str(event.get("trace_id", "")),
        session=str(event.get("session", "")),
        fields={name: _text(value) for name, value in event.items() if name not in _OWN_NAMES},
    )


def _text(value: object) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value, enc_hook=repr).decode()
    return text if len(text) <= MAX_FIELD_CHARS else text[:MAX_FIELD_CHARS] + " [cut]"


def _has(line: LogLine, folded: str) -> bool:
    if not folded:
        return True
    texts = (line.event, line.logger, line.trace_id, line.session, *line.fields, *line.fields.values())
    return any(folded in text.casefold() for text in texts)
