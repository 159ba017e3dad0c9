"""How late the event loop runs: the one thing that says whether this process can serve at all."""

from __future__ import annotations

import asyncio

from hub.histogram import Histogram

INTERVAL_S = 0.5


class LoopLag:
    """Measures by sleeping: the time a wake-up comes too late is the time everything else waits too.

    Attributes:
        lag_s: as it was last measured.
        histogram: of all measurements.
    """

    def __init__(self) -> None:
        self.lag_s = 0.0
        self.histogram = Histogram()
        self._expected_at_s = 0.0

    def current_s(self, now_s: float) -> float:
        """The last measured lag, or more when the next measurement is overdue (`now_s` of the loop's clock)."""
        overdue_s = now_s - self._expected_at_s if self._expected_at_s else 0.0
        return max(self.lag_s, overdue_s, 0.0)

    def measures(self) -> dict[str, float]:
        return {"loop_lag_s": self.lag_s}

    async def run(self) -> None:
        """Measure for ever; the supervisor's task."""
        loop = asyncio.get_running_loop()
        while True:
            self._expected_at_s = loop.time() + INTERVAL_S
            await asyncio.sleep(INTERVAL_S)
            self.lag_s = max(0.0, loop.time() - self._expected_at_s)
            self.histogram.observe(self.lag_s)
