"""Knows how old the oldest event is that waits in the database, on all nodes together."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import TYPE_CHECKING, Final

from hub.relay.outbox import PARKED_MS
from storage.database import Query, StorageUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from storage.database import Database

INTERVAL_S: Final = 10.0

_OLDEST = Query("outbox_oldest", "SELECT id FROM outbox WHERE destination = '' AND at_ms < $1 ORDER BY id LIMIT 1")


class OutboxWatch:
    """Looks every 10 s. Rows that were refused and wait for an operator do not count."""

    def __init__(self, relay: Database, clock: Clock) -> None:
        self._relay = relay
        self._clock = clock
        self._oldest_ms: int | None = None

    def measures(self) -> dict[str, float]:
        """Seconds since the oldest was left there, 0 without one; as of the last look that was answered."""
        if self._oldest_ms is None:
            return {"outbox_oldest_age_s": 0.0}
        return {"outbox_oldest_age_s": max(0.0, self._clock.now_s() - self._oldest_ms / 1000)}

    async def run(self) -> None:
        """The supervisor's task. Without an answer the age goes on growing, which is what it does."""
        while True:
            with contextlib.suppress(StorageUnavailable):
                await self.look()
            await asyncio.sleep(INTERVAL_S)

    async def look(self) -> None:
        """Raises: StorageUnavailable."""
        row = await self._relay.fetch_one(_OLDEST, PARKED_MS)
        self._oldest_ms = None if row is None else _made_ms(row[0])


def _made_ms(entry_id: str) -> int:
    """A UUID of version 7 begins with the time (RFC 9562)."""
    return uuid.UUID(entry_id).int >> 80
