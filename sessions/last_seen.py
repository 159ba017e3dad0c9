"""When each session was last here: gathered, and written for many at a time."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from sessions import session_store as store
from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from storage.database import Database, Transaction

logger = logging.getLogger(__name__)

FLUSH_INTERVAL_S: Final = 5

MAX_WAITING: Final = 50_000
"""Sessions whose time waits to be written; beyond, the newest are left out and counted: another connect will tell."""

PER_UNIT: Final = 500


class LastSeen:
    """A session's time is written at most once per `interval_s`, whatever its devices do."""

    def __init__(self, database: Database, clock: Clock, interval_s: float) -> None:
        self._database = database
        self._clock = clock
        self._interval_ms = int(interval_s * 1000)
        self._waiting: dict[str, int] = {}
        self.dropped = 0

    def note(self, sid: str) -> None:
        """The session is here now. Never waits."""
        if sid not in self._waiting and len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
        else:
            self._waiting[sid] = int(self._clock.now_s() * 1000)

    async def flush(self) -> None:
        """Write what has gathered.

        Raises:
            StorageUnavailable: what is not written waits for the next time.
        """
        while self._waiting:
            # In one order on all nodes, or two of them could wait for each other's rows.
            batch = sorted(self._waiting.items())[:PER_UNIT]
            rows = [(sid, at_ms, at_ms - self._interval_ms) for sid, at_ms in batch]

            async def work(tx: Transaction, rows: list[tuple[str, int, int]] = rows) -> None:
                await tx.execute_many(store.TOUCH, rows)

            await self._database.run(work)
            for sid, at_ms in batch:
                if self._waiting.get(sid) == at_ms:
                    del self._waiting[sid]

    async def run(self) -> None:
        """Write what gathers; the supervisor's task."""
        while True:
            await asyncio.sleep(FLUSH_INTERVAL_S)
            try:
                await self.flush()
            except StorageUnavailable:
                logger.warning("last_seen_not_written", extra={"waiting": len(self._waiting)})
