"""What goes wrong, as warnings: at most one line a second of a kind, with how many it stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterable

    from hub.clock import Clock

INTERVAL_S: Final = 1.0


class Complaints:
    """Counts every one, writes some.

    Args:
        kinds: everything that is ever complained of: counters that appear with the first occurrence are no use for
            alerts.

    Attributes:
        counts: how often each kind happened.
    """

    def __init__(self, clock: Clock, logger: logging.Logger, kinds: Iterable[str]) -> None:
        self._clock = clock
        self._logger = logger
        self._written: dict[str, tuple[float, int]] = {}
        self.counts: dict[str, int] = dict.fromkeys(kinds, 0)

    def add(self, kind: str, *, cause: BaseException | None = None, **extra: object) -> None:
        """One more of `kind`, the event's name in the log; `cause` with where it happened."""
        self.counts[kind] += 1
        count = self.counts[kind]
        now_s = self._clock.monotonic_s()
        written_at_s, written_count = self._written.get(kind, (float("-inf"), 0))
        if now_s - written_at_s >= INTERVAL_S:
            self._written[kind] = now_s, count
            self._logger.warning(kind, exc_info=cause, extra={**extra, "occurrences": count - written_count})
