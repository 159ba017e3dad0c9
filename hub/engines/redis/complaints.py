"""What goes wrong with the servers, as warnings: at most one line a second of a kind, with how many it stands for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hub.clock import Clock

logger = logging.getLogger("hub.engines.redis")

INTERVAL_S: Final = 1.0

KINDS: Final = (
    "redis_canary_lost",
    "redis_connect_failed",
    "redis_control_lost",
    "redis_error",
    "redis_lapse",
    "redis_link_lost",
    "redis_map_unavailable",
    "redis_message_failed",
    "redis_message_lost",
    "redis_not_executed",
    "redis_subscribe_refused",
    "redis_unkept_doubt",
)
"""Everything that is ever complained of: counters that appear with the first occurrence are no use for alerts."""


class Complaints:
    """Counts every one, writes some.

    Attributes:
        counts: how often each kind happened.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._written: dict[str, tuple[float, int]] = {}
        self.counts: dict[str, int] = dict.fromkeys(KINDS, 0)

    def add(self, kind: str, *, cause: BaseException | None = None, **extra: object) -> None:
        """One more of `kind`, which is one of KINDS and the event's name in the log; `cause` with where it happened."""
        self.counts[kind] += 1
        count = self.counts[kind]
        now_s = self._clock.monotonic_s()
        written_at_s, written_count = self._written.get(kind, (float("-inf"), 0))
        if now_s - written_at_s >= INTERVAL_S:
            self._written[kind] = now_s, count
            logger.warning(kind, exc_info=cause, extra={**extra, "occurrences": count - written_count})
