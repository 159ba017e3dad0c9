"""Publishes entries through the hub, in order per channel, for as long as it takes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from msgspec import Raw

from hub.errors import EngineUnavailable, ReplyError
from hub.publishing import How

if TYPE_CHECKING:
    from hub.checkpoint import Checkpoint
    from hub.hub import Hub
    from hub.relay.entries import OutboxEntry

logger = logging.getLogger(__name__)

MAX_WAITING = 10_000
MAX_WAITING_BYTES = 32 * 1024 * 1024

BATCH = 500
LANES = 32
"""Channels that are published to at the same time: an engine over a network takes a round trip each."""

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 2.0
"""Between attempts while the engine gives no answer: doubled each time, with jitter."""

MAX_FAULTS = 3
"""Attempts at an entry that makes our own code fail before it is refused."""


class Publisher:
    """What waits to be published, and what has become of the rest.

    Attributes:
        done: ids of published entries; whoever deletes them takes them out.
        refused: the same for entries that the hub will not have, now or later: an unknown namespace, a bad name.
        is_stalled: the engine gave no answer to the last attempt.
    """

    def __init__(self, hub: Hub, checkpoint: Checkpoint) -> None:
        self._hub = hub
        self._checkpoint = checkpoint
        self._waiting: deque[OutboxEntry] = deque()
        self._waiting_bytes = 0
        self._faults: dict[str, int] = {}
        self._wake = asyncio.Event()
        self.done: list[str] = []
        self.refused: list[str] = []
        self.is_stalled = False
        self.num_published = self.num_failures = self.num_refused = 0

    @property
    def num_waiting(self) -> int:
        return len(self._waiting)

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES

    @property
    def has_room(self) -> bool:
        """Enough for a batch from elsewhere."""
        return 2 * len(self._waiting) < MAX_WAITING and 2 * self._waiting_bytes < MAX_WAITING_BYTES

    def add(self, entry: OutboxEntry) -> None:
        """The caller has looked at `is_full` or `has_room`."""
        self._waiting.append(entry)
        self._waiting_bytes += entry.memory_bytes
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled. What is in flight then may or may not have been published."""
        pause_s = FIRST_PAUSE_S
        while True:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
            self.is_stalled = not await self._publish_batch()
            if self.is_stalled:
                await asyncio.sleep(self._hub.jitter(pause_s / 2, pause_s))
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                pause_s = FIRST_PAUSE_S

    async def _publish_batch(self) -> bool:
        """Whether all of it is done with; what is not goes back to the front, in its order."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
        self._waiting_bytes -= sum(entry.memory_bytes for entry in batch)
        lanes: dict[str, list[OutboxEntry]] = {}
        for entry in batch:
            lanes.setdefault(entry.channel, []).append(entry)
        rest = await self._publish_lanes(list(lanes.values()))
        if not rest:
            return True
        back = [entry for entry in batch if entry.id in rest]
        self._waiting.extendleft(reversed(back))
        self._waiting_bytes += sum(entry.memory_bytes for entry in back)
        return False

    async def _publish_lanes(self, lanes: list[list[OutboxEntry]]) -> set[str]:
        """The ids of those that the engine did not take."""
        if len(lanes) == 1:
            rests = [await self._publish_share(lanes)]
        else:
            shares = [lanes[number::LANES] for number in range(min(LANES, len(lanes)))]
            rests = await asyncio.gather(*(self._publish_share(share) for share in shares))
        return {entry.id for rest in rests for entry in rest}

    async def _publish_share(self, lanes: list[list[OutboxEntry]]) -> list[OutboxEntry]:
        """One after the other. At the first that fails the rest is given back: it would only wait for the same."""
        entries = [entry for lane in lanes for entry in lane]
        for position, entry in enumerate(entries):
            if not await self._publish(entry):
                return entries[position:]
        return []

    async def _publish(self, entry: OutboxEntry) -> bool:
        """Whether the entry is done with: published, or not to be published at all."""
        try:
            await self._hub.publish(entry.channel, Raw(entry.data), how=How(idempotency_key=entry.id))
        except EngineUnavailable:
            self.num_failures += 1
            return False
        except ReplyError as exc:
            self._refuse(entry, str(exc))
            return True
        except Exception:
            logger.exception("outbox_publish_failed", extra={"entry": entry.id, "channel": entry.channel})
            return self._count_fault(entry)
        self.num_published += 1
        self._faults.pop(entry.id, None)
        self._checkpoint("outbox.published")
        self.done.append(entry.id)
        return True

    def _count_fault(self, entry: OutboxEntry) -> bool:
        """A fault of our own: tried again, then refused, so that the others go on."""
        self.num_failures += 1
        faults = self._faults[entry.id] = self._faults.get(entry.id, 0) + 1
        if faults < MAX_FAULTS:
            return False
        self._refuse(entry, "it failed too often")
        return True

    def _refuse(self, entry: OutboxEntry, detail: str) -> None:
        logger.error("outbox_entry_refused", extra={"entry": entry.id, "channel": entry.channel, "detail": detail})
        self.num_refused += 1
        self._faults.pop(entry.id, None)
        self.refused.append(entry.id)
