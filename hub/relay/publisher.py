"""Hands entries to a carrier, in order per key, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from hub.checkpoint import unobserved
from hub.relay.carrier import CarrierUnavailable, LaneBlocked
from hub.relay.pauses import Pauses

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.checkpoint import Checkpoint
    from hub.relay.carrier import Carrier
    from hub.relay.entries import OutboxEntry

logger = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 * 1024 * 1024

LANES = 32
"""Keys that are carried at the same time: a carrier over a network takes a round trip each."""

MAX_CHUNK: Final = 64
MAX_CHUNK_BYTES: Final = 1 << 20
"""Of one key in one go."""

YIELD_EVERY: Final = 100
"""Entries, after which others get the loop: a carrier inside the process never waits."""

MAX_FAULTS = 3
"""Attempts at an entry that makes our own code fail before it is refused."""


class _Lane:
    """Entries of one key. While they are carried, the lane is not among the ready ones."""

    __slots__ = ("entries", "faults", "key", "pauses")

    def __init__(self, key: str) -> None:
        self.key = key
        self.entries: deque[OutboxEntry] = deque()
        self.faults = 0
        self.pauses: Pauses | None = None


def _always(entry: OutboxEntry) -> bool:  # noqa: ARG001  # a node that has the database for itself
    return True


class Publisher:
    """What waits to be carried, and what has become of the rest. Event-loop thread only.

    Args:
        may_carry: asked before each attempt; where it says no, the lane is dropped, and is the table's again.

    Attributes:
        held: ids of what waits, is in flight, or is done and not yet deleted.
        done: ids of carried entries; whoever deletes them takes them out, with `settle`.
        refused: the same for entries that the carrier will not have, now or later: an unknown namespace, a bad name.
        is_stalled: the carrier gave no answer to the last attempt.
    """

    def __init__(
        self,
        carrier: Carrier,
        jitter: Callable[[float, float], float],
        *,
        checkpoint: Checkpoint = unobserved,
        may_carry: Callable[[OutboxEntry], bool] = _always,
    ) -> None:
        self._carrier = carrier
        self._jitter = jitter
        self._checkpoint = checkpoint
        self._may_carry = may_carry
        self._lanes: dict[str, _Lane] = {}
        self._ready: deque[_Lane] = deque()
        self._idle: deque[asyncio.Future[None]] = deque()
        self._loop = asyncio.get_running_loop()
        self._pauses = Pauses(jitter)
        self._since_yield = 0
        self._lately: tuple[set[str], set[str]] = (set(), set())
        self.held: set[str] = set()
        self.done: list[str] = []
        self.refused: list[str] = []
        self.is_stalled = False
        self.num_waiting = self.waiting_bytes = 0
        self.num_published = self.num_failures = self.num_refused = self.num_dropped = 0

    @property
    def is_full(self) -> bool:
        return self.num_waiting >= MAX_WAITING or self.waiting_bytes >= MAX_WAITING_BYTES

    @property
    def has_room(self) -> bool:
        """Enough for a batch from elsewhere."""
        return 2 * self.num_waiting < MAX_WAITING and 2 * self.waiting_bytes < MAX_WAITING_BYTES

    def knows(self, entry_id: str) -> bool:
        """It is held, or was done with a moment ago."""
        return entry_id in self.held or entry_id in self._lately[0] or entry_id in self._lately[1]

    def add(self, entry: OutboxEntry) -> None:
        """Behind what waits of its key. The caller has looked at `is_full` or `has_room`, and at `knows`."""
        key = entry.lane
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane(key)
            self._ready.append(lane)
            if not self.is_stalled:
                self._wake_one()
        lane.entries.append(entry)
        self.held.add(entry.id)
        self.num_waiting += 1
        self.waiting_bytes += entry.memory_bytes

    def take_settled(self) -> tuple[list[str], list[str]]:
        """What is done and what is refused since the last time; they stay held until `settle` or `give_back`."""
        done, self.done = self.done, []
        refused, self.refused = self.refused, []
        return done, refused

    def settle(self, ids: Sequence[str]) -> None:
        """The table has been told of these."""
        self.held.difference_update(ids)
        self._lately = (self._lately[1], set(ids))

    def give_back(self, done: list[str], refused: list[str]) -> None:
        """The table could not be told. Of what is done the oldest are forgotten when they are too many."""
        self.done[:0], self.refused[:0] = done, refused
        surplus = self.done[: max(0, len(self.done) - MAX_WAITING)]
        self.held.difference_update(surplus)
        del self.done[: len(surplus)]

    async def run(self) -> None:
        """Until cancelled. What is in flight then may or may not have been taken."""
        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(self._work())

    # --- workers ----------------------------------------------------------------------------------------------------

    async def _work(self) -> None:
        while True:
            lane = await self._next_lane()
            await self._serve(lane)
            if self._since_yield >= YIELD_EVERY:
                self._since_yield = 0
                await asyncio.sleep(0)

    async def _next_lane(self) -> _Lane:
        """One that nobody else serves. While the carrier is silent, one worker after the other asks again."""
        while not self._ready or self._pauses.left_s(self._loop.time()) > 0:
            if self._ready:
                await asyncio.sleep(self._pauses.left_s(self._loop.time()))
            else:
                waiter: asyncio.Future[None] = self._loop.create_future()
                self._idle.append(waiter)
                await waiter
        lane = self._ready.popleft()
        if self._ready and not self.is_stalled:
            self._wake_one()
        return lane

    def _wake_one(self) -> None:
        while self._idle:
            waiter = self._idle.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    async def _serve(self, lane: _Lane) -> None:
        """One chunk of a lane. Whatever happens, what is left of the lane is ready again, now or later."""
        chunk = self._chunk(lane)
        if not chunk:
            self._drop(lane)
            return
        try:
            verdicts = await self._carrier.carry(chunk)
        except CarrierUnavailable:
            self.num_failures += 1
            self._stall(lane)
        except LaneBlocked as exc:
            self._block(lane, exc)
        except Exception:
            logger.exception("outbox_publish_failed", extra={"entry": chunk[0].id, "channel": chunk[0].channel})
            self._count_fault(lane)
        else:
            self._advance(lane, verdicts)

    def _chunk(self, lane: _Lane) -> list[OutboxEntry]:
        """The first ones that may be carried; none when not even the first may."""
        chunk: list[OutboxEntry] = []
        room = MAX_CHUNK_BYTES
        for entry in lane.entries:
            if room <= 0 or len(chunk) == MAX_CHUNK or not self._may_carry(entry):
                break
            chunk.append(entry)
            room -= len(entry.data)
        return chunk

    def _advance(self, lane: _Lane, verdicts: list[str | None]) -> None:
        self.is_stalled = False
        self._pauses.reset()
        lane.pauses, lane.faults = None, 0
        for refusal in verdicts:
            entry = self._pop(lane)
            if refusal is None:
                self.num_published += 1
                self._checkpoint("outbox.published")
                self.done.append(entry.id)
            else:
                self._refuse(entry, refusal)
        self._since_yield += len(verdicts)
        self._put_back(lane)

    def _pop(self, lane: _Lane) -> OutboxEntry:
        entry = lane.entries.popleft()
        self.num_waiting -= 1
        self.waiting_bytes -= entry.memory_bytes
        return entry

    def _put_back(self, lane: _Lane) -> None:
        if lane.entries:
            self._ready.append(lane)
            self._wake_one()
        else:
            del self._lanes[lane.key]

    def _drop(self, lane: _Lane) -> None:
        """Whatever of it is still in the table is for whoever has the right to its part."""
        while lane.entries:
            self.held.discard(self._pop(lane).id)
            self.num_dropped += 1
        del self._lanes[lane.key]
        if not self._lanes:  # nobody is left to find out that the carrier answers again
            self.is_stalled = False
            self._pauses.reset()

    # --- failures ---------------------------------------------------------------------------------------------------

    def _stall(self, lane: _Lane) -> None:
        """Everybody waits. The first of those that fail together says how long."""
        now_s = self._loop.time()
        self.is_stalled = True
        if self._pauses.left_s(now_s) <= 0:
            self._pauses.begin(now_s)
        self._ready.appendleft(lane)

    def _block(self, lane: _Lane, why: LaneBlocked) -> None:
        """This key waits by itself."""
        self.num_failures += 1
        if lane.pauses is None:
            logger.warning("outbox_lane_blocked", extra={"key": lane.key, "detail": str(why)})
            lane.pauses = Pauses(self._jitter)
        now_s = self._loop.time()
        lane.pauses.begin(now_s)
        self._loop.call_at(now_s + lane.pauses.left_s(now_s), self._put_back, lane)

    def _count_fault(self, lane: _Lane) -> None:
        """A fault of our own: tried again, then refused, so that the others go on."""
        lane.faults += 1
        if lane.faults < MAX_FAULTS:
            self._block(lane, LaneBlocked("our own code failed"))
            return
        self.num_failures += 1
        lane.faults = 0
        self._refuse(self._pop(lane), "it failed too often")
        self._put_back(lane)

    def _refuse(self, entry: OutboxEntry, detail: str) -> None:
        logger.error("outbox_entry_refused", extra={"entry": entry.id, "channel": entry.channel, "detail": detail})
        self.num_refused += 1
        self.refused.append(entry.id)
