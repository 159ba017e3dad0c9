"""What connections do, as events for the sinks: gathered in memory, written to the outbox many at a time.

At most once until then: a crash loses the last moment, and a database that is away longer than the memory lasts loses
what comes after. That is told, by an event of its own, `connection.lost_events`. The hub never waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
from msgspec import Raw

from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.clock import Clock
    from hub.connection import Connection
    from hub.relay.outbox import Outbox, OutboxEntry
    from hub.relay.sinks.tap import Tap
    from storage.database import Database, Transaction

logger = logging.getLogger(__name__)

CONNECTED: Final = "connection.connected"
DISCONNECTED: Final = "connection.disconnected"
PUBLISHED: Final = "client.published"
LOST: Final = "connection.lost_events"

MAX_WAITING: Final = 20_000
MAX_WAITING_BYTES: Final = 16 * 1024 * 1024
MAX_BATCH: Final = 500
GATHER_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0


class ClientEvent(NamedTuple):
    """`subject` is what its order is kept by, and the subject of the CloudEvent: the connection, or the channel."""

    kind: str
    subject: str
    data: bytes


class ClientEvents:
    """Implements `hub.observer.Observer`. Event-loop thread only.

    Attributes:
        num_lost: events that found no room.
    """

    def __init__(self, outbox: Outbox, database: Database, clock: Clock, tap: Tap) -> None:
        self._outbox = outbox
        self._database = database
        self._clock = clock
        self._tap = tap
        self._waiting: deque[ClientEvent] = deque()
        self._waiting_bytes = 0
        self._wake = asyncio.Event()
        self._untold = 0
        self.num_written = self.num_lost = self.num_failures = 0

    # --- what the hub tells -----------------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        if self._tap.destinations(CONNECTED):
            self._offer(CONNECTED, connection, {})

    def disconnected(self, connection: Connection) -> None:
        if self._tap.destinations(DISCONNECTED):
            why = connection.close_reason
            self._offer(DISCONNECTED, connection, {"code": why.code, "reason": why.reason} if why else {})

    def published(self, connection: Connection, channel: str, data: bytes) -> None:
        if self._tap.destinations(PUBLISHED, channel):
            self._offer(PUBLISHED, connection, {"channel": channel, "data": Raw(data)}, channel)

    def _offer(self, kind: str, connection: Connection, members: dict[str, object], subject: str = "") -> None:
        if len(self._waiting) >= MAX_WAITING or self._waiting_bytes >= MAX_WAITING_BYTES:
            self.num_lost += 1
            self._untold += 1
            return
        session = connection.session
        who = {"client": connection.client_id, "user": connection.user}
        if session is not None:
            who |= {"session": session.sid, "device": session.did}
        data = msgspec.json.encode({"type": kind, **who, **members, "at": self._now_ms()})
        self._waiting.append(ClientEvent(kind, subject or f"connection:{connection.client_id}", data))
        self._waiting_bytes += len(data)
        self._wake.set()

    # --- writing ----------------------------------------------------------------------------------------------------

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name."""
        return {
            "client_events_waiting": len(self._waiting),
            "client_events_written": self.num_written,
            "client_events_lost": self.num_lost,
            "client_events_failures": self.num_failures,
        }

    async def run(self) -> None:
        """Write until cancelled. One task of the supervisor's; what waits then is lost, unless `flush` was called."""
        pause_s = GATHER_S
        while True:
            await self._wake.wait()
            await asyncio.sleep(pause_s)
            try:
                await self.flush()
            except StorageUnavailable:
                self.num_failures += 1
                pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            else:
                pause_s = GATHER_S

    async def flush(self) -> None:
        """Write everything that waits now.

        Raises:
            StorageUnavailable: what was not written still waits.
        """
        self._wake.clear()
        while self._waiting or self._untold:
            try:
                await self._write()
            except BaseException:
                self._wake.set()
                raise

    async def _write(self) -> None:
        """One batch; it leaves memory when it is durable. An answer that was lost makes it come twice."""
        batch = [self._waiting[position] for position in range(min(MAX_BATCH, len(self._waiting)))]
        untold = self._untold
        entries = await self._database.run(lambda tx: self._add(tx, batch, untold))
        for event in batch:
            self._waiting.popleft()
            self._waiting_bytes -= len(event.data)
        self._untold -= untold
        self.num_written += len(batch)
        if untold:
            logger.error("client_events_lost", extra={"events": untold})
        self._outbox.publish_soon(entries)

    async def _add(self, tx: Transaction, batch: Sequence[ClientEvent], untold: int) -> list[OutboxEntry]:
        told = list(batch)
        if untold:
            data = msgspec.json.encode({"type": LOST, "count": untold, "at": self._now_ms()})
            told.append(ClientEvent(LOST, "connection:lost", data))
        return await self._outbox.add_copies(tx, told)

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)
