"""What goes wrong, as warnings: at most one line a second of a kind, which says how many it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from hub.clock import Clock

INTERVAL_S: Final = 1.0


class QuietLog:
    """Writes some of the warnings that it is given."""

    def __init__(self, logger: logging.Logger, clock: Clock) -> None:
        self._logger = logger
        self._clock = clock
        self._written_s: dict[str, float] = {}
        self._num_left_out: dict[str, int] = {}

    def warn(self, event: str, **details: object) -> None:
        """A line, which says how many of its kind were left out before it; or it is left out itself."""
        num_left_out = self.next_line(event)
        if num_left_out is not None:
            self._logger.warning(event, extra={**details, "left_out": num_left_out})

    def next_line(self, event: str) -> int | None:
        """None: not now. Else a line is due, and so many were left out since the last one."""
        now_s = self._clock.monotonic_s()
        if now_s - self._written_s.get(event, -INTERVAL_S) < INTERVAL_S:
            self._num_left_out[event] = self._num_left_out.get(event, 0) + 1
            return None
        self._written_s[event] = now_s
        return self._num_left_out.pop(event, 0)


class Complaints:
    """Counts every one, writes some.

    Args:
        kinds: everything that is ever complained of: counters that appear with the first occurrence are no use for
            alerts.

    Attributes:
        counts: how often each kind happened.
    """

    def __init__(self, clock: Clock, logger: logging.Logger, kinds: Iterable[str]) -> None:
        self._logger = logger
        self._quiet = QuietLog(logger, clock)
        self.counts: dict[str, int] = dict.fromkeys(kinds, 0)

    def add(self, kind: str, *, cause: BaseException | None = None, **extra: object) -> None:
        """One more of `kind`, the event's name in the log; `cause` with where it happened."""
        self.counts[kind] += 1
        num_left_out = self._quiet.next_line(kind)
        if num_left_out is not None:
            self._logger.warning(kind, exc_info=cause, extra={**extra, "occurrences": num_left_out + 1})
