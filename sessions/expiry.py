"""Ends sessions whose time has passed, and forgets those that ended long ago."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from sessions import session_store as store
from sessions.endings import SYSTEM, Ended
from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from sessions.config import SessionsConfig
    from sessions.endings import Endings
    from storage.database import Database, Transaction

logger = logging.getLogger(__name__)

PER_UNIT: Final = 200
"""Sessions that one unit of work ends or forgets: it may not keep other writers waiting."""


class SessionExpiry:
    """Sweeps. Several nodes may: each session is ended by one of them."""

    def __init__(self, database: Database, endings: Endings, clock: Clock, config: SessionsConfig) -> None:
        self._database = database
        self._endings = endings
        self._clock = clock
        self._interval_s = config.sweep_interval_s
        self._retention_ms = int(config.ended_retention_s * 1000)

    async def end_expired(self) -> int:
        """End what has expired; how many.

        Raises:
            StorageUnavailable
        """
        total, ended = 0, await self._end_some()
        while ended.sessions:
            total += len(ended.sessions)
            await self._endings.carry_out(ended)
            ended = await self._end_some()
        return total

    async def forget_ended(self) -> int:
        """Delete sessions that ended before the retention time, with their tokens; how many.

        Raises:
            StorageUnavailable
        """
        total = count = await self._forget_some()
        while count == PER_UNIT:
            count = await self._forget_some()
            total += count
        return total

    async def run(self) -> None:
        """Sweep again and again; the supervisor's task."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.end_expired()
                await self.forget_ended()
            except StorageUnavailable:
                logger.warning("sessions_not_swept")

    async def _end_some(self) -> Ended:
        now_ms = self._now_ms()

        async def work(tx: Transaction) -> Ended:
            rows = await tx.fetch(store.END_EXPIRED, now_ms, "expired", PER_UNIT)
            return await self._endings.record(tx, rows, "expired", now_ms, actor=SYSTEM)

        return await self._database.run(work)

    async def _forget_some(self) -> int:
        before_ms = self._now_ms() - self._retention_ms

        async def work(tx: Transaction) -> int:
            return await tx.execute(store.FORGET_ENDED, before_ms, PER_UNIT)

        return await self._database.run(work)

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)
