"""How a source is, and the signal that it is to stop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hub.clock import Clock


class Condition:
    """What keeps a source from being attached, and since when that has been so, or not so.

    Attributes:
        trouble: why it is not attached; "" when it is.
        since_s: monotonic; a new reason for the same state does not count anew.
        stopping: set once, for good.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.trouble = "not connected yet"
        self.since_s = clock.monotonic_s()
        self.stopping = asyncio.Event()

    @property
    def is_stopping(self) -> bool:
        return self.stopping.is_set()

    def note(self, trouble: str) -> None:
        if bool(trouble) != bool(self.trouble):
            self.since_s = self._clock.monotonic_s()
        self.trouble = trouble

    async def rest(self, seconds: float) -> None:
        """Shorter when it is to stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
