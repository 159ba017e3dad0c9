"""Forgetting: changes that are old and far back, and the places of documents removed long ago.

Never younger than the promise: a mutation id is known for `mutation_memory_s`, a document's last `changes_kept` changes
are kept however old. Most of a log is trimmed when its document is written; this finds the end of those that rest.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sessions.state import change_log
from storage.database import Query, StorageUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from sessions.config import StateConfig
    from storage.database import Database, Row, Transaction

logger = logging.getLogger(__name__)

INTERVAL_S = 60.0
SLICE = 200
"""Rows in one unit of work: bounds how long a mutation, or the loop, waits behind it."""

# From where the last slice ended: a change is looked at once, when it comes of age. A group shares one `at_ms`.
_OF_AGE = Query(
    "state_changes_of_age",
    """SELECT c.at_ms, c.user_id, c.key, c.version, d.version FROM state_changes c
       LEFT JOIN state_documents d ON d.user_id = c.user_id AND d.key = c.key
       WHERE c.at_ms >= $1 AND (c.at_ms, c.user_id, c.key, c.version) > ($1, $2, $3, $4) AND c.at_ms < $5
       ORDER BY c.at_ms, c.user_id, c.key, c.version LIMIT $6""",
)
_REMOVED = Query(
    "state_removed_documents",
    """SELECT user_id, key, version FROM state_documents
       WHERE value IS NULL AND updated_ms < $1 ORDER BY updated_ms LIMIT $2""",
)
_LOCK_USER = Query(
    "state_lock_user",
    "SELECT floor_version FROM state_users WHERE user_id = $1",
    "SELECT floor_version FROM state_users WHERE user_id = $1 FOR UPDATE",
)
_PURGE = Query(
    "state_purge_document",
    "DELETE FROM state_documents WHERE user_id = $1 AND key = $2 AND version = $3 AND value IS NULL",
)
_RAISE_FLOOR = Query(
    "state_raise_floor", "UPDATE state_users SET floor_version = $2 WHERE user_id = $1 AND floor_version < $2"
)


class Retention:
    """One task per node; several nodes do each other's work, harmlessly.

    Attributes:
        num_changes, num_documents: rows forgotten so far.
    """

    def __init__(self, business: Database, clock: Clock, config: StateConfig) -> None:
        self._business = business
        self._clock = clock
        self._config = config
        self._seen: Row = (0, "", "", 0)
        self.num_changes = self.num_documents = 0

    async def run(self) -> None:
        """Sweep every INTERVAL_S until cancelled. Without a database: next time."""
        while True:
            try:
                await self.sweep()
            except StorageUnavailable as exc:
                logger.warning("state_retention_failed", extra={"detail": str(exc)})
            await asyncio.sleep(INTERVAL_S)

    async def sweep(self) -> None:
        """Forget everything that is due, in slices.

        Raises:
            StorageUnavailable: what was done stays done.
        """
        for forget in (self._forget_changes, self._purge_removed):
            is_more = True
            while is_more:
                is_more = await forget()
                await asyncio.sleep(0)  # SQLite reads on the loop's thread: others have their turn between slices

    async def _forget_changes(self) -> bool:
        """One slice; True when there may be another."""
        cut_ms = self._memory_ms()
        rows = await self._business.fetch(_OF_AGE, *self._seen, cut_ms, SLICE)
        surplus = [row[1:4] for row in rows if self._is_surplus(row)]
        if surplus:
            # With all before it: one that was among the last when it came of age is far back by now.
            cuts = {(user, key): version for user, key, version in sorted(surplus)}
            await self._business.run(lambda tx: change_log.forget(tx, cuts, cut_ms))
            self.num_changes += len(surplus)
        if rows:
            self._seen = rows[-1][:4]
        return len(rows) == SLICE

    def _is_surplus(self, row: Row) -> bool:
        *_, version, current = row
        return current is None or version <= current - self._config.changes_kept

    async def _purge_removed(self) -> bool:
        cut_ms = self._now_ms() - int(self._config.tombstone_ttl_s * 1000)
        rows = await self._business.fetch(_REMOVED, cut_ms, SLICE)
        if rows:
            self.num_documents += await self._business.run(lambda tx: _purge(tx, rows, self._memory_ms()))
        return len(rows) == SLICE

    def _memory_ms(self) -> int:
        """When the youngest mutation was made whose id may be forgotten."""
        return self._now_ms() - int(self._config.mutation_memory_s * 1000)

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)


async def _purge(tx: Transaction, rows: list[Row], memory_ms: int) -> int:
    """Versions never go back: what is made anew begins above all that was purged."""
    num_purged = 0
    for user, key, version in sorted(rows):  # users are locked in the order of their ids, as everywhere
        await tx.fetch_one(_LOCK_USER, user)
        if await tx.execute(_PURGE, user, key, version):
            await change_log.forget(tx, {(user, key): version}, memory_ms)
            await tx.execute(_RAISE_FLOOR, user, version)
            num_purged += 1
    return num_purged
