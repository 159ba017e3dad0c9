"""How long to wait before the next attempt to reach a broker, and how often to speak of it."""

from __future__ import annotations

import logging
from random import uniform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.clock import Clock

FIRST_S = 0.2
LONGEST_S = 8.0
"""A broker that is back has its consumers again within 10 s."""

STEADY_S = 10.0
"""What has lasted this long was a success: the next pause is a short one."""

LOG_INTERVAL_S = 1.0


class Pauses:
    """Doubled from one failure to the next, with half of it left to chance, so that nodes do not return in step."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._pause_s = FIRST_S
        self._began_s = clock.monotonic_s()

    def begin(self) -> None:
        """An attempt begins."""
        self._began_s = self._clock.monotonic_s()

    def next_s(self) -> float:
        """The attempt has failed, at once or after a while."""
        if self._clock.monotonic_s() - self._began_s >= STEADY_S:
            self._pause_s = FIRST_S
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s, LONGEST_S)
        return uniform(pause_s / 2, pause_s)  # spreads load; nothing secret depends on it


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
