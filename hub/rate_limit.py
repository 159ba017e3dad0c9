"""GCRA, the leaky bucket as one number (ITU-T I.371). Pure.

0.3 µs per decision against 10 µs in a general library (measured, dependencies.md), and it runs once per command.
"""

from __future__ import annotations


class Rate:
    """A rate with a burst, shared by all buckets that keep to it."""

    __slots__ = ("interval_s", "tolerance_s")

    def __init__(self, per_s: float, burst: int) -> None:
        self.interval_s = 1 / per_s
        self.tolerance_s = self.interval_s * (max(burst, 1) - 1)


class Bucket:
    """One peer's use of a rate."""

    __slots__ = ("_full_at_s", "_rate")

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._full_at_s = 0.0  # theoretical arrival time of the next conforming event

    def take(self, now_s: float) -> bool:
        """Whether an event at `now_s` (monotonic) conforms; only a conforming one uses the rate up."""
        rate = self._rate
        full_at_s = self._full_at_s
        if full_at_s - rate.tolerance_s > now_s:
            return False
        self._full_at_s = (full_at_s if full_at_s > now_s else now_s) + rate.interval_s
        return True

    def retry_after_s(self, now_s: float) -> float:
        """Seconds until the next event would conform."""
        return max(0.0, self._full_at_s - self._rate.tolerance_s - now_s)

    def remaining(self, now_s: float) -> int:
        """How many events at `now_s` would conform, one after the other."""
        rate = self._rate
        room_s = rate.tolerance_s - max(0.0, self._full_at_s - now_s)
        return 0 if room_s < 0 else int(room_s / rate.interval_s + 1e-9) + 1
