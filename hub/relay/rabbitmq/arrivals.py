"""Deliveries that have come and wait to be handed over; at most as many as the prefetch."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage

QUIET_TICKS = 2
"""So many ticks of the loop without a new delivery, and a batch goes as it is. The frames of one delivery may be spread
over as many."""


class Arrivals:
    """Gathers deliveries into batches, by the loop's ticks and not by a timer: alone, a message does not wait."""

    def __init__(self, max_batch: int) -> None:
        self._max_batch = max_batch
        self._waiting: deque[DeliveredMessage] = deque()
        self._has_news = asyncio.Event()
        self._is_closed = False

    def __len__(self) -> int:
        return len(self._waiting)

    async def add(self, delivered: DeliveredMessage) -> None:
        """The driver's callback. Awaits nothing, so that deliveries keep their order."""
        self._waiting.append(delivered)
        self._has_news.set()

    def close(self) -> None:
        """Nothing more is wanted: `take` gives nothing from now on, whatever waits."""
        self._is_closed = True
        self._has_news.set()

    async def take(self) -> list[DeliveredMessage]:
        """Wait for at least one, and take what comes with it. Empty: closed."""
        while not self._waiting and not self._is_closed:
            self._has_news.clear()
            await self._has_news.wait()
        await self._settle()
        if self._is_closed:
            return []
        waiting = self._waiting
        return [waiting.popleft() for _ in range(min(self._max_batch, len(waiting)))]

    async def _settle(self) -> None:
        num_quiet = 0
        while num_quiet < QUIET_TICKS and len(self._waiting) < self._max_batch:
            num_before = len(self._waiting)
            await asyncio.sleep(0)
            num_quiet = 0 if len(self._waiting) > num_before else num_quiet + 1
