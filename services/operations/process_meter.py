"""How busy this process is now: what an average since the start cannot tell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.process_usage import cpu_time_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.clock import Clock

MIN_INTERVAL_S: Final = 0.5
"""Whoever asks again sooner is told the same: the kernel counts in steps of up to 10 ms."""


class ProcessMeter:
    """CPU in percent of one core between two askings; the first time, since this was made."""

    def __init__(self, clock: Clock, used_s: Callable[[], float] = cpu_time_s) -> None:
        self._clock = clock
        self._used_s = used_s
        self._at_s, self._cpu_s = clock.monotonic_s(), used_s()
        self._percent = 0.0

    def cpu_percent(self) -> float:
        now_s = self._clock.monotonic_s()
        passed_s = now_s - self._at_s
        if passed_s >= MIN_INTERVAL_S:
            cpu_s = self._used_s()
            self._percent = 100 * (cpu_s - self._cpu_s) / passed_s
            self._at_s, self._cpu_s = now_s, cpu_s
        return self._percent
