"""The outbox: events that were committed together with a change, and leave after it, whatever happens between.

A row is written in the unit of work of its change, handed to a publisher once that is durable, carried under its
idempotency key, then deleted. What a crash leaves between these steps is found by the sweep within a few seconds. So an
event leaves at least once, and once only as long as the engine (or whoever receives it) remembers its key.

Order per key, between nodes too, rests on one rule: a node carries an entry only when every row of its key that was
committed before has been carried, or stands before it in the same lane.
- An entry may be published from memory when nothing of its key was in the table before it, or what was is in this
  node's own hands (`OutboxEntry.after`). Otherwise it is left to the sweep.
- The sweep of a part takes the rows of a key in the order of the table, from the first one on. Young rows, which
  another node may be publishing, are taken only when one of their key behind them is due: then both do, and the key
  makes the second time harmless.
- An entry is carried while its part is this node's, or while it is fresh. A node that was paused finds neither, and
  leaves its lanes to others.
Two nodes may so carry the same rows, both in order: what a receiver sees after dropping repeats is in order.

On SQLite there is one node. It starts behind: until the sweep has read the table to its end, nothing is published from
memory, and the same after memory was full.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from itertools import zip_longest
from typing import TYPE_CHECKING

import msgspec
import uuid_utils

from hub.checkpoint import unobserved
from hub.relay import outbox_table as table
from hub.relay.carrier import HubCarrier
from hub.relay.entries import HUB, OutboxEntry, part_of
from hub.relay.outbox_parts import Parts, WholeOutbox
from hub.relay.outbox_sweep import LEASE_MS, Sweep
from hub.relay.outbox_table import NOTIFICATIONS, PARKED_MS
from hub.relay.publisher import Publisher
from hub.relay.sinks.tap import NO_SINKS
from hub.tracing import CURRENT, UNSAMPLED, tags_of
from storage.database import StorageUnavailable
from storage.notifications import SILENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hub.checkpoint import Checkpoint
    from hub.clock import Clock
    from hub.hub import Hub
    from hub.relay.carrier import Carrier
    from hub.relay.sinks.client_events import ClientEvent
    from hub.relay.sinks.tap import Tap
    from hub.tracing import TraceContext
    from storage.database import Database, Transaction
    from storage.notifications import Notifications

__all__ = ["PARKED_MS", "Outbox", "OutboxEntry"]

logger = logging.getLogger(__name__)

SWEEP_INTERVAL_S = 0.4
ROOM_INTERVAL_S = 0.01
"""The same while more waits in the table than memory takes."""
SETTLE_INTERVAL_S = 0.1
"""How long carried rows gather before they are deleted together."""

ADOPT_INTERVAL_S = 10.0

MAX_RELEASING = 10_000
"""Rows waiting to be given to another node at once; more wait until their time is over."""


class Outbox:
    """Publishes what units of work have left for it. Event-loop thread only, except for `add` and `add_many`.

    Args:
        carriers: by destination. Without one for HUB, events go straight to the hub.
        tap: which events other destinations get a copy of.
        notifications: wake the sweep; without them it comes by itself.
        parts: of several nodes on one database; by default PostgreSQL is shared, and SQLite is not.

    Attributes:
        num_spilled: entries not kept in memory because too many waited; a sweep has brought or will bring them.
        num_left: entries that stand behind a row in another node's hands, and were left to whoever has the part.
        num_unsettled: times that the database gave no answer to deletion or sweep.
    """

    def __init__(  # noqa: PLR0913  # what a test replaces, by name
        self,
        relay: Database,
        hub: Hub,
        clock: Clock,
        *,
        checkpoint: Checkpoint = unobserved,
        carriers: Mapping[str, Carrier] | None = None,
        tap: Tap = NO_SINKS,
        notifications: Notifications = SILENCE,
        parts: Parts | WholeOutbox | None = None,
    ) -> None:
        self._relay = relay
        self._clock = clock
        self._checkpoint = checkpoint
        self._tap = tap
        self._notifications = notifications
        is_postgres = relay.dialect == "postgres"
        self._parts = parts or (Parts(relay, clock, hub.uid, on_gain=self._ring) if is_postgres else WholeOutbox())
        self._is_shared = isinstance(self._parts, Parts)
        carriers = {HUB: HubCarrier(hub), **(carriers or {})}
        self._publishers = {
            destination: Publisher(carrier, hub.jitter, checkpoint=checkpoint, may_carry=self._may_carry)
            for destination, carrier in carriers.items()
        }
        self._bell = asyncio.Event()
        self._releasing: dict[str, list[str]] = {}
        self._has_releases = asyncio.Event()
        self._sweeps = {
            destination: Sweep(relay, clock, destination, publisher, self._parts, checkpoint)
            for destination, publisher in self._publishers.items()
        }
        if not self._is_shared:
            for sweep in self._sweeps.values():
                sweep.fall_behind()
        self.num_spilled = self.num_left = self.num_unsettled = 0

    # --- adding -----------------------------------------------------------------------------------------------------

    async def add(
        self, tx: Transaction, channel: str, data: bytes, *, tags: dict[str, str] | None = None, order_key: str = ""
    ) -> OutboxEntry:
        """Leave an event for after the commit, in the caller's unit of work.

        In a context that is followed it bears that context, and so does its publication.

        Args:
            data: one JSON value in a form that `hub.payload` lets pass.
            order_key: what it keeps its order with; the channel by default.
        """
        entry = self._entry(HUB, channel, data, tags=tags, order_key=order_key)
        return (await self._add(tx, [entry]))[0]

    async def add_many(
        self, tx: Transaction, events: Sequence[tuple[str, bytes]], traces: Sequence[TraceContext | None] = ()
    ) -> list[OutboxEntry]:
        """Leave events, as (channel, data), in one trip.

        Args:
            traces: what each of them is a part of, where a unit of work is done for several.
        """
        entries = [
            self._entry(HUB, channel, data, tags=tags_of(trace))
            for (channel, data), trace in zip_longest(events, traces)
        ]
        return await self._add(tx, entries)

    async def add_copies(self, tx: Transaction, events: Sequence[ClientEvent]) -> list[OutboxEntry]:
        """Leave events for the sinks that want them, and for nobody else, in one trip."""
        return await self._add(tx, [copy for event in events for copy in self._copies(*event)])

    async def _add(self, tx: Transaction, entries: list[OutboxEntry]) -> list[OutboxEntry]:
        if not entries:
            return []
        if self._tap.is_open:
            entries = [self._with_copies(entry) for entry in entries]
        rows = [row for entry in entries for row in (entry, *entry.copies)]
        now_ms = self._now_ms()
        if not self._is_shared:
            await table.add(tx, rows, now_ms)
            return entries
        before = dict(zip((row.id for row in rows), await table.add_after(tx, rows, now_ms), strict=True))
        return [_placed(entry, before) for entry in entries]

    def _entry(
        self,
        destination: str,
        channel: str,
        data: bytes,
        *,
        tags: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
        order_key: str = "",
    ) -> OutboxEntry:
        return OutboxEntry(
            id=str(uuid_utils.uuid7()),
            channel=channel,
            data=data,
            destination=destination,
            order_key=order_key,
            part=part_of(order_key or channel) if self._is_shared else 0,
            tags=tags_of(CURRENT.get(), tags),
            headers=headers,
            made_at_s=self._clock.monotonic_s(),
        )

    def _with_copies(self, entry: OutboxEntry) -> OutboxEntry:
        if entry.destination != HUB:
            return entry
        kind = self._tap.kind_of(entry.channel, entry.data)
        copies = self._copies(kind, entry.channel, entry.data) if kind else []
        return msgspec.structs.replace(entry, copies=tuple(copies)) if copies else entry

    def _copies(self, kind: str, channel: str, data: bytes) -> list[OutboxEntry]:
        headers = {"type": kind, "time": str(self._now_ms())}
        return [
            self._entry(destination, channel, data, headers=headers)
            for destination in self._tap.destinations(kind, channel)
            if destination in self._publishers
        ]

    def publish_soon(self, entries: Iterable[OutboxEntry]) -> None:
        """Publish these, whose unit of work is durable, in this order per key. Never waits, loses nothing."""
        for entry in entries:
            self._publish_soon(entry)
            for copy in entry.copies:
                self._publish_soon(copy)

    def _publish_soon(self, entry: OutboxEntry) -> None:
        publisher, sweep = self._publishers[entry.destination], self._sweeps[entry.destination]
        if publisher.knows(entry.id):
            return
        if publisher.is_full:
            self.num_spilled += 1
            if not self._is_shared:
                sweep.fall_behind()
        elif sweep.is_behind:
            sweep.fall_behind()
            self._ring()
        elif entry.after and not publisher.knows(entry.after):
            self.num_left += 1
            self._leave(entry)
        else:
            publisher.add(entry)

    def _leave(self, entry: OutboxEntry) -> None:
        """For whoever has its part, at once."""
        if self._parts.has(entry.part):
            self._sweeps[entry.destination].released.add(entry.id)
            self._ring()
        elif sum(map(len, self._releasing.values())) < MAX_RELEASING:
            self._releasing.setdefault(entry.destination, []).append(entry.id)
            self._has_releases.set()

    # --- running ----------------------------------------------------------------------------------------------------

    @property
    def is_behind(self) -> bool:
        """Nothing is published from memory before a sweep has read the table to its end. Never on a shared database."""
        return any(sweep.is_behind for sweep in self._sweeps.values())

    def stalled(self) -> dict[str, bool]:
        """Which destinations take nothing at the moment; their events wait."""
        return {destination: publisher.is_stalled for destination, publisher in self._publishers.items()}

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name."""
        hub = self._publishers[HUB]
        sinks = {name: publisher for name, publisher in self._publishers.items() if name != HUB}
        return {
            "outbox_waiting": hub.num_waiting,
            "outbox_published": hub.num_published,
            "outbox_failures": hub.num_failures + self.num_unsettled + self._parts.num_failures,
            "outbox_refused": hub.num_refused,
            "outbox_swept": sum(sweep.num_swept for sweep in self._sweeps.values()),
            "outbox_spilled": self.num_spilled,
            "outbox_left": self.num_left,
            "outbox_dropped": sum(publisher.num_dropped for publisher in self._publishers.values()),
            "outbox_parts": len(self._parts.mine()),
            "outbox_is_stalled": hub.is_stalled,
            **{f"sink_waiting.{name}": publisher.num_waiting for name, publisher in sinks.items()},
            **{f"sink_published.{name}": publisher.num_published for name, publisher in sinks.items()},
            **{f"sink_failures.{name}": publisher.num_failures for name, publisher in sinks.items()},
            **{f"sink_refused.{name}": publisher.num_refused for name, publisher in sinks.items()},
        }

    async def run(self) -> None:
        """Publish, delete and sweep until cancelled. One task of the supervisor's.

        Cancelled between two steps it leaves rows behind, which the next start publishes, or another node.
        """
        CURRENT.set(UNSAMPLED)  # an entry is a part of the trace it was committed in, or of none
        async with asyncio.TaskGroup() as group:
            for publisher in self._publishers.values():
                group.create_task(publisher.run())
            work = [self._keep_settling(), self._keep_sweeping(), self._parts.run()]
            if self._is_shared:
                work += [self._keep_releasing(), self._notifications.run(NOTIFICATIONS, self._on_notification)]
            for each in work:
                group.create_task(each)

    def _ring(self) -> None:
        self._bell.set()

    def _on_notification(self, payload: str) -> None:
        """Something is due in a part, or (with an empty payload) perhaps in any."""
        if not payload or self._parts.has(int(payload)):
            self._ring()

    def _may_carry(self, entry: OutboxEntry) -> bool:
        """Nobody else publishes the part, or it is ours because we have just added it."""
        if self._parts.has(entry.part):
            return True
        return self._clock.monotonic_s() - entry.made_at_s < LEASE_MS / 1000

    # --- settling ---------------------------------------------------------------------------------------------------

    async def _keep_settling(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_INTERVAL_S)
            for destination, publisher in self._publishers.items():
                if publisher.done or publisher.refused:
                    await self._settle(destination, publisher)

    async def _settle(self, destination: str, publisher: Publisher) -> None:
        """Delete what is carried, park what is refused. Without an answer they stay held, for the next time."""
        done, refused = publisher.take_settled()
        try:
            await self._relay.run(lambda tx: table.settle(tx, destination, done, refused, self._now_ms()))
        except StorageUnavailable:
            self.num_unsettled += 1
            publisher.give_back(done, refused)
            return
        publisher.settle(done + refused)
        self._checkpoint("outbox.settled")

    # --- leaving to others ------------------------------------------------------------------------------------------

    async def _keep_releasing(self) -> None:
        while True:
            await self._has_releases.wait()
            self._has_releases.clear()
            releasing, self._releasing = self._releasing, {}
            for destination, ids in releasing.items():
                with contextlib.suppress(StorageUnavailable):  # then their time will pass
                    await self._relay.run(lambda tx, d=destination, i=ids: table.release(tx, d, i))  # type: ignore[misc]  # mypy knows no lambda with defaults

    # --- sweeping ---------------------------------------------------------------------------------------------------

    async def _keep_sweeping(self) -> None:
        adopt_at_s = 0.0
        has_unparked = False
        while True:
            try:
                if not has_unparked:
                    await self._relay.run(table.unpark)
                    has_unparked = True
                if self._is_shared and self._clock.monotonic_s() >= adopt_at_s:
                    await self._relay.run(lambda tx: table.adopt(tx, self._now_ms() - LEASE_MS))
                    adopt_at_s = self._clock.monotonic_s() + ADOPT_INTERVAL_S
                for sweep in self._sweeps.values():
                    while await sweep.step():
                        pass
            except StorageUnavailable:
                self.num_unsettled += 1
            await self._rest()

    async def _rest(self) -> None:
        is_pressed = any(sweep.is_pressed for sweep in self._sweeps.values())
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ROOM_INTERVAL_S if is_pressed else SWEEP_INTERVAL_S):
                await self._bell.wait()
        self._bell.clear()

    def _now_ms(self) -> int:
        return int(self._clock.now_s() * 1000)


def _placed(entry: OutboxEntry, before: Mapping[str, str]) -> OutboxEntry:
    copies = tuple(_placed(copy, before) for copy in entry.copies)
    after = before[entry.id]
    return msgspec.structs.replace(entry, after=after, copies=copies) if after or copies else entry
