"""The outbox: events that were committed together with a change, and are published after it, whatever happens between.

A row is written in the unit of work of its change, handed to the publisher once that is durable, published under its
id as idempotency key, then deleted. What a crash leaves between these steps is found by the sweep, on any node, within
a second. So an event is published at least once, and once only as long as the engine remembers its id.

Order per channel is that of `publish_soon` on one node; between nodes there is none, and consumers go by the versions
in their events. `at_ms` of a row says when it was last in somebody's hands: LEASE_MS from then no sweep takes it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import uuid_utils

from hub.checkpoint import unobserved
from hub.relay.entries import OutboxEntry
from hub.relay.publisher import BATCH, MAX_WAITING, Publisher
from storage.database import Query, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.checkpoint import Checkpoint
    from hub.clock import Clock
    from hub.hub import Hub
    from storage.database import Database, Transaction

__all__ = ["Outbox", "OutboxEntry"]

LEASE_MS = 500
SWEEP_INTERVAL_S = 0.4
SETTLE_INTERVAL_S = 0.1
"""How long published rows gather before they are deleted together."""

ANY_AGE_MS = -3_600_000
"""As an age: whatever is there, even from a node whose clock is ahead of ours."""

PARKED_MS = 1 << 52
"""Added to `at_ms` of a row that the hub refuses. No sweep takes it; a node that starts tries it once more, because its
configuration may know the channel."""

PARKED_FOR_MS = 7 * 24 * 3600 * 1000
"""After this long in the park a row is given up."""

_INSERT = Query("outbox_insert", "INSERT INTO outbox (id, channel, data, at_ms) VALUES ($1, $2, $3, $4)")

_IS_DUE = Query("outbox_is_due", "SELECT 1 FROM outbox WHERE at_ms <= $1 LIMIT 1")

# Whoever takes a row has it for a lease; rows that another node is just taking are passed over, not waited for.
_TAKE = Query(
    "outbox_take",
    """UPDATE outbox SET at_ms = $1
       WHERE id IN (SELECT id FROM outbox WHERE at_ms <= $2 AND id >= $3 ORDER BY id LIMIT $4)
       RETURNING id, channel, data""",
    """WITH due AS MATERIALIZED (
           SELECT id FROM outbox WHERE at_ms <= $2 AND id >= $3 ORDER BY id LIMIT $4 FOR UPDATE SKIP LOCKED
       )
       UPDATE outbox SET at_ms = $1 FROM due WHERE outbox.id = due.id
       RETURNING outbox.id, outbox.channel, outbox.data""",
)

_DELETE = Query(
    "outbox_delete",
    "DELETE FROM outbox WHERE id IN (SELECT value FROM json_each($1))",
    "DELETE FROM outbox WHERE id IN (SELECT json_array_elements_text($1::json))",
)

_PARK = Query("outbox_park", "UPDATE outbox SET at_ms = $2 WHERE id = $1")
_GIVE_UP = Query("outbox_give_up", "DELETE FROM outbox WHERE at_ms >= $1 AND at_ms < $2")
_UNPARK = Query("outbox_unpark", "UPDATE outbox SET at_ms = 0 WHERE at_ms >= $1")


class Outbox:
    """Publishes what units of work have left for it. Event-loop thread only, except for `add` and `add_many`.

    Attributes:
        num_swept: entries found by a sweep.
        num_spilled: entries not kept in memory because too many waited; a sweep has brought or will bring them.
        num_unsettled: times that the database gave no answer to deletion or sweep.
    """

    def __init__(self, relay: Database, hub: Hub, clock: Clock, *, checkpoint: Checkpoint = unobserved) -> None:
        self._relay = relay
        self._clock = clock
        self._checkpoint = checkpoint
        self._publisher = Publisher(hub, checkpoint)
        self._held: set[str] = set()  # waiting, in flight, or published and not yet deleted: a sweep passes them over
        self._is_spilling = False
        self._spilled_from = ""  # the lowest id spilled since the last sweep began; "" for none
        self.num_swept = self.num_spilled = self.num_unsettled = 0

    async def add(self, tx: Transaction, channel: str, data: bytes) -> OutboxEntry:
        """Leave an event for after the commit, in the caller's unit of work.

        Args:
            data: one JSON value in a form that `hub.payload` lets pass.
        """
        return (await self.add_many(tx, ((channel, data),)))[0]

    async def add_many(self, tx: Transaction, entries: Sequence[tuple[str, bytes]]) -> list[OutboxEntry]:
        """Leave events, as (channel, data), in one trip."""
        now_ms = self._now_ms()
        made = [OutboxEntry(str(uuid_utils.uuid7()), channel, data) for channel, data in entries]
        await tx.execute_many(_INSERT, [(entry.id, entry.channel, entry.data.decode(), now_ms) for entry in made])
        return made

    def publish_soon(self, entries: Sequence[OutboxEntry]) -> None:
        """Publish these, whose unit of work is durable, in this order per channel. Never waits, loses nothing."""
        for entry in entries:
            self._is_spilling = self._is_spilling or self._publisher.is_full
            if self._is_spilling:
                self._spill(entry.id)
                self.num_spilled += 1
            elif entry.id not in self._held:
                self._hold(entry)

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name."""
        publisher = self._publisher
        return {
            "outbox_waiting": publisher.num_waiting,
            "outbox_published": publisher.num_published,
            "outbox_failures": publisher.num_failures + self.num_unsettled,
            "outbox_refused": publisher.num_refused,
            "outbox_swept": self.num_swept,
            "outbox_spilled": self.num_spilled,
        }

    async def run(self) -> None:
        """Publish, delete and sweep until cancelled. One task of the supervisor's.

        Cancelled between two steps it leaves rows behind, which the next start publishes.
        """
        async with asyncio.TaskGroup() as group:
            for work in (self._publisher.run(), self._keep_settling(), self._keep_sweeping()):
                group.create_task(work)

    # --- settling ---------------------------------------------------------------------------------------------------

    async def _keep_settling(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_INTERVAL_S)
            if self._publisher.done or self._publisher.refused:
                await self._settle()

    async def _settle(self) -> None:
        """Delete what is published, park what is refused. Without an answer they stay held, for the next time."""
        publisher = self._publisher
        done, refused = publisher.done, publisher.refused
        publisher.done, publisher.refused = [], []
        try:
            await self._relay.run(lambda tx: _settle(tx, done, refused, self._now_ms()))
        except StorageUnavailable:
            self.num_unsettled += 1
            publisher.done[:0], publisher.refused[:0] = done, refused
            self._forget_surplus(publisher.done)
            return
        self._held.difference_update(done, refused)
        self._checkpoint("outbox.settled")

    def _forget_surplus(self, done: list[str]) -> None:
        """Bounds what waits for deletion. A sweep brings the others back, and the engine knows their ids."""
        surplus = done[: max(0, len(done) - MAX_WAITING)]
        self._held.difference_update(surplus)
        del done[: len(surplus)]

    # --- sweeping ---------------------------------------------------------------------------------------------------

    async def _keep_sweeping(self) -> None:
        has_unparked = False
        while True:
            try:
                if not has_unparked:
                    await self._relay.run(_unpark)
                    has_unparked = True
                while await self._sweep():
                    pass
            except StorageUnavailable:
                self.num_unsettled += 1
            await asyncio.sleep(SWEEP_INTERVAL_S)

    async def _sweep(self) -> bool:
        """Take over rows that are in nobody's hands. True when there may be more, and there is room."""
        if self._publisher.is_stalled or not self._publisher.has_room:
            return False
        if self._is_spilling:
            return await self._sweep_spilled()
        return len(await self._take(LEASE_MS, "")) == BATCH

    async def _sweep_spilled(self) -> bool:
        """From the first one spilled on, however young: nothing that comes after may overtake it."""
        first, self._spilled_from = self._spilled_from, ""
        try:
            taken = await self._take(ANY_AGE_MS, first)
        except BaseException:
            self._spill(first)
            raise
        if len(taken) == BATCH:
            self._spill(taken[-1].id)
            return True
        self._is_spilling = bool(self._spilled_from)
        return False

    def _spill(self, entry_id: str) -> None:
        self._spilled_from = min(entry_id, self._spilled_from or entry_id)

    async def _take(self, age_ms: int, first_id: str) -> list[OutboxEntry]:
        """The oldest rows first. Looks before it writes: mostly there is nothing, and a write costs a commit."""
        now_ms = self._now_ms()
        if await self._relay.fetch_one(_IS_DUE, now_ms - age_ms) is None:
            return []
        rows = await self._relay.run(lambda tx: tx.fetch(_TAKE, now_ms, now_ms - age_ms, first_id, BATCH))
        self._checkpoint("outbox.taken")
        taken = [OutboxEntry(entry_id, channel, data.encode()) for entry_id, channel, data in sorted(rows)]
        for entry in taken:
            if entry.id not in self._held:
                self.num_swept += 1
                self._hold(entry)
        return taken

    def _hold(self, entry: OutboxEntry) -> None:
        self._held.add(entry.id)
        self._publisher.add(entry)

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)


async def _settle(tx: Transaction, done: Sequence[str], refused: Sequence[str], now_ms: int) -> None:
    if done:
        await tx.execute(_DELETE, msgspec.json.encode(done).decode())
    if refused:
        await tx.execute_many(_PARK, [(entry_id, PARKED_MS + now_ms) for entry_id in refused])
        await tx.execute(_GIVE_UP, PARKED_MS, PARKED_MS + now_ms - PARKED_FOR_MS)


async def _unpark(tx: Transaction) -> None:
    await tx.execute(_UNPARK, PARKED_MS)
