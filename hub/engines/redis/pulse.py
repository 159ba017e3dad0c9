"""Notices that this process did not run, paused or starved of CPU, while Redis and the other nodes went on. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.clock import Clock


class Pulse:
    """Expects to be asked all the time, before anything that came is looked at.

    Args:
        lapse_after_s: not asked for longer than this, the node counts as gone.
        on_lapse: called then, before the one who asked goes on.
    """

    def __init__(self, clock: Clock, lapse_after_s: float, on_lapse: Callable[[], None]) -> None:
        self._monotonic_s = clock.monotonic_s
        self._lapse_after_s = lapse_after_s
        self._on_lapse = on_lapse
        self._last_s = clock.monotonic_s()
        self.lapses = 0

    def begin(self) -> None:
        """From here on it is asked."""
        self._last_s = self._monotonic_s()

    def beat(self) -> None:
        """Hot: called once per chunk of data, and by a timer."""
        now_s = self._monotonic_s()
        silent_s = now_s - self._last_s
        self._last_s = now_s
        if silent_s > self._lapse_after_s:
            self.lapses += 1
            self._on_lapse()
