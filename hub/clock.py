"""Time as the hub sees it. Everything that needs the time is handed a Clock, so tests own it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    def now_s(self) -> float:
        """Wall-clock seconds since the epoch: only for what leaves the process (token expiry, timestamps)."""

    def monotonic_s(self) -> float:
        """Seconds that never step back: for every timeout and TTL."""


class SystemClock:
    """The machine's clocks."""

    now_s = staticmethod(time.time)
    monotonic_s = staticmethod(time.monotonic)
