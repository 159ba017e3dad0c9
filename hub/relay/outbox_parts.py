"""Which node takes what is left in the outbox: each part of it belongs to one node at a time, for a lease.

Parts spare double work; the order per key rests on more (`hub.relay.outbox`). A node that was paused finds its lease
over on its own clock, which began to count before the database's did.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING, Final

import msgspec

from hub.relay.entries import NUM_PARTS
from storage.database import Query, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hub.clock import Clock
    from storage.database import Database, Transaction

logger = logging.getLogger(__name__)

LEASE_S: Final = 1.5
RENEW_INTERVAL_S: Final = 0.5
LEAVE_DEADLINE_S: Final = 1.0

ALL_PARTS: Final = frozenset(range(NUM_PARTS))

_FORGET_NODES_AFTER_MS: Final = 3_600_000

# PostgreSQL goes by its own clock: those of the nodes may differ. $1 is the node's, in milliseconds.
_NOW = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint + 0 * $1::bigint"

_HERE = """INSERT INTO outbox_nodes (node, until_ms) VALUES ($2, {now} + $3)
    ON CONFLICT (node) DO UPDATE SET until_ms = excluded.until_ms"""
_FORGET = "DELETE FROM outbox_nodes WHERE until_ms < {now} - $2"
_COUNT = "SELECT count(*) FROM outbox_nodes WHERE until_ms > {now}"
_KEEP = "UPDATE outbox_parts SET until_ms = {now} + $3 WHERE owner = $2 RETURNING part"
_TAKE = """UPDATE outbox_parts SET owner = $2, until_ms = {now} + $3
    WHERE part IN (SELECT part FROM outbox_parts WHERE until_ms <= {now} ORDER BY part LIMIT $4{skip}) RETURNING part"""


def _query(name: str, template: str) -> Query:
    return Query(
        f"outbox_parts_{name}",
        template.format(now="$1", skip=""),
        template.format(now=_NOW, skip=" FOR UPDATE SKIP LOCKED"),
    )


_HERE_QUERY, _FORGET_QUERY, _COUNT_QUERY = _query("here", _HERE), _query("forget", _FORGET), _query("count", _COUNT)
_KEEP_QUERY, _TAKE_QUERY = _query("keep", _KEEP), _query("take", _TAKE)

_GIVE = Query(
    "outbox_parts_give",
    """UPDATE outbox_parts SET owner = '', until_ms = 0
       WHERE owner = $1 AND part IN (SELECT value FROM json_each($2))""",
    """UPDATE outbox_parts SET owner = '', until_ms = 0
       WHERE owner = $1 AND part = ANY (ARRAY(SELECT json_array_elements_text($2::json)::bigint))""",
)
_GONE = Query("outbox_parts_gone", "DELETE FROM outbox_nodes WHERE node = $1")


class Parts:
    """The parts that this node has, for as long as its lease holds.

    Args:
        on_gain: called when there are new ones.

    Attributes:
        num_failures: times that the database gave no answer.
    """

    def __init__(
        self,
        database: Database,
        clock: Clock,
        node: str,
        *,
        lease_s: float = LEASE_S,
        renew_interval_s: float = RENEW_INTERVAL_S,
        on_gain: Callable[[], None] = lambda: None,
    ) -> None:
        self._database = database
        self._clock = clock
        self._node = node
        self._lease_s = lease_s
        self._renew_interval_s = renew_interval_s
        self._on_gain = on_gain
        self._mine: frozenset[int] = frozenset()
        self._until_s = 0.0
        self.num_failures = 0

    def mine(self) -> frozenset[int]:
        return self._mine if self._clock.monotonic_s() < self._until_s else frozenset()

    def has(self, part: int) -> bool:
        return part in self._mine and self._clock.monotonic_s() < self._until_s

    async def run(self) -> None:
        """Keep the lease, and as many parts as is fair; give them up at the end, so that others need not wait."""
        try:
            while True:
                await self.tend()
                await asyncio.sleep(self._renew_interval_s)
        finally:
            await self._leave()

    async def tend(self) -> None:
        """One round. Without an answer from the database the lease runs on, and out."""
        begun_s = self._clock.monotonic_s()
        try:
            mine = await self._database.run(self._tend)
        except StorageUnavailable:
            self.num_failures += 1
            return
        has_gained = bool(mine - self.mine())
        self._mine, self._until_s = mine, begun_s + self._lease_s
        if has_gained:
            self._on_gain()

    async def _tend(self, tx: Transaction) -> frozenset[int]:
        now_ms, lease_ms = int(self._clock.now_s() * 1000), int(self._lease_s * 1000)
        await tx.execute(_HERE_QUERY, now_ms, self._node, lease_ms)
        await tx.execute(_FORGET_QUERY, now_ms, _FORGET_NODES_AFTER_MS)
        row = await tx.fetch_one(_COUNT_QUERY, now_ms)
        fair = -(-NUM_PARTS // max(1, row[0] if row else 1))
        mine = {part for (part,) in await tx.fetch(_KEEP_QUERY, now_ms, self._node, lease_ms)}
        if len(mine) < fair:
            taken = await tx.fetch(_TAKE_QUERY, now_ms, self._node, lease_ms, fair - len(mine))
            mine.update(part for (part,) in taken)
        surplus = sorted(mine)[fair:]
        if surplus:
            await self._give(tx, surplus)
        return frozenset(mine.difference(surplus))

    async def _give(self, tx: Transaction, parts: Iterable[int]) -> None:
        await tx.execute(_GIVE, self._node, msgspec.json.encode(sorted(parts)).decode())

    async def _leave(self) -> None:
        self._mine = frozenset()
        with contextlib.suppress(StorageUnavailable, TimeoutError):
            async with asyncio.timeout(LEAVE_DEADLINE_S):
                await self._database.run(self._gone)

    async def _gone(self, tx: Transaction) -> None:
        await self._give(tx, ALL_PARTS)
        await tx.execute(_GONE, self._node)


class WholeOutbox:
    """The parts of a node that has its database for itself."""

    num_failures = 0

    def mine(self) -> frozenset[int]:
        return ALL_PARTS

    def has(self, part: int) -> bool:  # noqa: ARG002  # as Parts
        return True

    async def run(self) -> None:
        await asyncio.Event().wait()
