"""Time that moves when the test says so."""

from __future__ import annotations


class FakeClock:
    """Implements `hub.clock.Clock`. Both clocks stand still until advanced, and then move together."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self._now_s = now
        self._monotonic_s = 1_000.0  # not `now`: what mixes the two clocks up must fail

    def now_s(self) -> float:
        return self._now_s

    def monotonic_s(self) -> float:
        return self._monotonic_s

    def advance(self, seconds: float) -> None:
        self._now_s += seconds
        self._monotonic_s += seconds
