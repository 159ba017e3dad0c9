"""How long to wait before the next attempt to reach a broker, and how often to speak of it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hub.backoff import Backoff

if TYPE_CHECKING:
    from hub.clock import Clock

FIRST_S = 0.2
LONGEST_S = 8.0
"""A broker that is back has its consumers again within 10 s."""

STEADY_S = 10.0
"""What has lasted this long was a success: the next pause is a short one."""

LOG_INTERVAL_S = 1.0


class Pauses:
    """A backoff that begins anew by itself once an attempt has lasted."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._backoff = Backoff(FIRST_S, LONGEST_S)
        self._began_s = clock.monotonic_s()

    def begin(self) -> None:
        """An attempt begins."""
        self._began_s = self._clock.monotonic_s()

    def next_s(self) -> float:
        """The attempt has failed, at once or after a while."""
        if self._clock.monotonic_s() - self._began_s >= STEADY_S:
            self._backoff.reset()
        return self._backoff.next_s()


class QuietLog:
    """At most one line a second per kind; the next line says how many were left out."""

    def __init__(self, logger: logging.Logger, clock: Clock) -> None:
        self._logger = logger
        self._clock = clock
        self._spoken_s: dict[str, float] = {}
        self._num_unspoken: dict[str, int] = {}

    def warn(self, event: str, **details: object) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._spoken_s.get(event, -LOG_INTERVAL_S) < LOG_INTERVAL_S:
            self._num_unspoken[event] = self._num_unspoken.get(event, 0) + 1
            return
        self._spoken_s[event] = now_s
        self._logger.warning(event, extra={**details, "left_out": self._num_unspoken.pop(event, 0)})
