"""Says what blocks the event loop, while it does: a thread that looks when the loop gives no sign of life.

A loop that stands still can log nothing itself, and afterwards nobody knows what it was.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Final

from hub.process_usage import cpu_time_s

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.clock import Clock

logger = logging.getLogger(__name__)

BEAT_S: Final = 0.25

BLOCKED_AFTER_S: Final = 1.0
"""Without a sign of life for so long the loop is taken for blocked: readiness goes by the same figure."""

LEAST_CPU_SHARE: Final = 0.5
"""Of the time in which even the watching thread did not run: with less the whole process stood still (a container that
was frozen, a machine that slept); with more, something held the interpreter, and the loop with it."""

JOIN_DEADLINE_S: Final = 1.0


class Watchdog:
    """One per loop.

    Attributes:
        num_blocked: how often the loop was found blocked; once for each time, however long it lasted.
    """

    def __init__(self, clock: Clock, used_s: Callable[[], float] = cpu_time_s) -> None:
        self._clock = clock
        self._used_s = used_s
        self._looked = (clock.monotonic_s(), used_s())
        self._beat_s = 0.0
        self._is_told = False
        self.num_blocked = 0

    async def run(self) -> None:
        """Give signs of life until cancelled, and have them watched. One task of the supervisor's."""
        self._beat_s = self._clock.monotonic_s()
        self._looked = (self._beat_s, self._used_s())
        ended = threading.Event()
        watching = (ended, threading.get_ident())
        thread = threading.Thread(target=self._watch, args=watching, name="watchdog", daemon=True)
        thread.start()
        try:
            while True:
                await asyncio.sleep(BEAT_S)
                self._beat_s = self._clock.monotonic_s()
        finally:
            ended.set()
            thread.join(JOIN_DEADLINE_S)

    def measures(self) -> dict[str, float]:
        return {"loop_blocked": self.num_blocked}

    def _watch(self, ended: threading.Event, loop_thread: int) -> None:
        while not ended.wait(BEAT_S):
            self.look(loop_thread)

    def look(self, loop_thread: int) -> None:
        """Log the stack of the loop's thread, once for each time that it is blocked."""
        now_s = self._clock.monotonic_s()
        paused_s = self._paused_s(now_s)
        if paused_s:
            self._beat_s = now_s  # it could give no sign
            logger.warning("process_paused", extra={"paused_s": round(paused_s, 3)})
        silent_s = now_s - self._beat_s
        if silent_s < BLOCKED_AFTER_S:
            self._is_told = False
        elif not self._is_told:
            self._is_told = True
            self.num_blocked += 1
            logger.error("loop_blocked", extra={"silent_s": round(silent_s, 3), "at": _stack_of(loop_thread)})

    def _paused_s(self, now_s: float) -> float:
        """How long nothing of this process has run since the last look; 0 where something has."""
        (before_s, used_before_s), used_s = self._looked, self._used_s()
        self._looked = (now_s, used_s)
        passed_s = now_s - before_s
        is_paused = passed_s >= BLOCKED_AFTER_S and used_s - used_before_s < LEAST_CPU_SHARE * passed_s
        return passed_s if is_paused else 0.0


def _stack_of(thread: int) -> str:
    frame = sys._current_frames().get(thread)  # documented for this, for all its underscore
    return "".join(traceback.format_stack(frame)) if frame is not None else ""
