"""How long to wait before the next attempt to reach a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.backoff import Backoff

if TYPE_CHECKING:
    from hub.clock import Clock

FIRST_S = 0.2
LONGEST_S = 8.0
"""A broker that is back has its consumers again within 10 s."""

STEADY_S = 10.0
"""What has lasted this long was a success: the next pause is a short one."""


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
