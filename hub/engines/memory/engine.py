"""The engine of a single node: everything in this process, nothing to wait for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

from hub.engine import PublishOutcome
from hub.engines.memory.outcomes import Outcome, OutcomeCache
from hub.engines.memory.presence import Lease, Presence
from hub.engines.memory.snapshot import FORMAT, OutcomeImage, Snapshot, decode_snapshot, encode_snapshot
from hub.engines.memory.streams import Streams

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.clock import Clock
    from hub.engine import EngineListener, History, HistoryQuery, NodeInfo, PresenceStats, PublishOptions
    from hub.protocol.messages import ClientInfo, Publication

SWEEP_BUDGET = 500
"""Steps in one slice of sweeping: at 1 to 2 µs each, about a millisecond in which nothing else runs."""

UNLOGGED = PublishOutcome(position=None)


class Holdings(NamedTuple):
    """What the engine holds in memory; expired things count until they are swept."""

    streams: int
    idempotency_keys: int
    idempotency_evictions: int
    presence_channels: int
    deadlines: int
    subscriptions: int


class MemoryEngine:
    """Implements `hub.engine.Engine` for one node.

    No method suspends, so each call is one step of the loop: nothing comes between storing a publication and handing
    it over, and its listener sees publications in the order of their offsets. A stored publication is the very object
    that was handed to the listener and that history answers with: nobody changes it after `publish`.

    Event-loop thread only.

    Args:
        history_meta_ttl_s: meta TTL where a publication or history query names none (0).
        max_idempotency_keys: the oldest are forgotten, and counted, beyond this many; one takes 300 bytes.
        node_lease_s: how long an announced node is listed unless announced again.
        sweep_interval_s: how often `run` frees what has expired.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        history_meta_ttl_s: float = 720 * 3600,
        max_idempotency_keys: int = 200_000,
        node_lease_s: float = 10,
        sweep_interval_s: float = 1,
    ) -> None:
        self._clock = clock
        self._node_lease_s = node_lease_s
        self._sweep_interval_s = sweep_interval_s
        self._listener: EngineListener
        self._subscriptions: set[str] = set()
        self._streams = Streams(history_meta_ttl_s)
        self._outcomes = OutcomeCache(max_idempotency_keys)
        self._presence = Presence()
        self._nodes: dict[str, tuple[NodeInfo, float]] = {}

    def bind(self, listener: EngineListener) -> None:
        self._listener = listener

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        if options.idempotency_key:
            return self._publish_once(channel, publication, options)
        outcome = self._store(channel, publication, options)
        if channel in self._subscriptions:
            self._hand_over(channel, publication, outcome)
        return outcome

    async def publish_many(
        self, channel: str, entries: Sequence[tuple[Publication, PublishOptions]]
    ) -> list[PublishOutcome]:
        return [await self.publish(channel, publication, options) for publication, options in entries]

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        if channel in self._subscriptions:
            self._listener.on_join(channel, info)

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        if channel in self._subscriptions:
            self._listener.on_leave(channel, info)

    async def history(self, channel: str, query: HistoryQuery) -> History:
        return self._streams.read(channel, query, self._clock.monotonic_s())

    async def remove_history(self, channel: str) -> None:
        self._streams.clear(channel)

    async def add_presence(self, channel: str, client_id: str, info: ClientInfo, ttl_s: float) -> None:
        self._presence.renew(channel, client_id, Lease(info, self._clock.monotonic_s() + ttl_s))

    async def remove_presence(
        self,
        channel: str,
        client_id: str,
        user: str,  # noqa: ARG002  the port's, for engines that count users apart
    ) -> None:
        self._presence.remove(channel, client_id)

    async def presence(self, channel: str) -> Mapping[str, ClientInfo]:
        return self._presence.clients(channel, self._clock.monotonic_s())

    async def presence_stats(self, channel: str) -> PresenceStats:
        return self._presence.stats(channel, self._clock.monotonic_s())

    async def subscribe(self, channel: str) -> None:
        self._subscriptions.add(channel)

    async def unsubscribe(self, channel: str) -> None:
        self._subscriptions.discard(channel)

    async def control(
        self,
        message: bytes,
        node: str = "",  # noqa: ARG002  there is one node only
    ) -> None:
        self._listener.on_control(message)

    async def announce(self, node: NodeInfo) -> None:
        self._nodes[node.uid] = node, self._clock.monotonic_s() + self._node_lease_s

    async def nodes(self) -> list[NodeInfo]:
        now_s = self._clock.monotonic_s()
        self._nodes = {uid: lease for uid, lease in self._nodes.items() if lease[1] > now_s}
        return [node for node, _ in self._nodes.values()]

    async def run(self) -> None:
        """Give expired memory back, until cancelled. One task of the supervisor's.

        In slices of SWEEP_BUDGET, each a loop step of its own: a million streams may expire in the same second.
        """
        while True:
            is_done = self.sweep(SWEEP_BUDGET) < SWEEP_BUDGET
            await asyncio.sleep(self._sweep_interval_s if is_done else 0)

    def sweep(self, budget: int) -> int:
        """Free what has expired, and stop once that took `budget` steps, or one large stream more. Return the steps."""
        now_s = self._clock.monotonic_s()
        steps = self._streams.sweep(now_s, budget)
        steps += self._outcomes.sweep(now_s, budget - steps)
        return steps + self._presence.sweep(now_s, budget - steps)

    def dump(self) -> bytes:
        """Streams and idempotency keys, for `load` in the next run of this node."""
        now_s = self._clock.monotonic_s()
        outcomes = [
            OutcomeImage(*outcome.key, outcome.position, outcome.expires_at_s - now_s)
            for outcome in self._outcomes.outcomes()
        ]
        return encode_snapshot(Snapshot(FORMAT, self._clock.now_s(), self._streams.images(now_s), outcomes))

    def load(self, data: bytes) -> int:
        """Take over what an earlier run dumped, before anything else is done with the engine. Return the streams.

        Raises:
            SnapshotUnreadable: nothing was taken over.
        """
        snapshot = decode_snapshot(data)
        now_s = self._clock.monotonic_s()
        elapsed_s = max(0.0, self._clock.now_s() - snapshot.saved_at_s)
        self._streams.restore(snapshot.streams, now_s, elapsed_s)
        for image in snapshot.outcomes:
            expires_at_s = now_s + image.expires_in_s - elapsed_s
            self._outcomes.add(Outcome((image.channel, image.key), image.position, expires_at_s), now_s)
        return len(snapshot.streams)

    def holdings(self) -> Holdings:
        """Counts for gauges, and for tests that look for leaks."""
        return Holdings(
            streams=len(self._streams),
            idempotency_keys=len(self._outcomes),
            idempotency_evictions=self._outcomes.evictions,
            presence_channels=self._presence.num_channels,
            deadlines=self._streams.num_deadlines + self._presence.num_deadlines,
            subscriptions=len(self._subscriptions),
        )

    def _publish_once(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        key = (channel, options.idempotency_key)
        now_s = self._clock.monotonic_s()
        if (known := self._outcomes.get(key, now_s)) is not None:
            return PublishOutcome(known.position, is_suppressed=True)
        outcome = self._store(channel, publication, options)
        # Before the listener is told: should that fail, the publication stands all the same, and a retry adds nothing.
        self._outcomes.add(Outcome(key, outcome.position, now_s + options.idempotency_ttl_s), now_s)
        if channel in self._subscriptions:
            self._hand_over(channel, publication, outcome)
        return outcome

    def _store(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        if options.history_size > 0 and options.history_ttl_s > 0:
            return self._streams.append(channel, publication, options, self._clock.monotonic_s())
        publication.offset = 0
        return UNLOGGED

    def _hand_over(self, channel: str, publication: Publication, outcome: PublishOutcome) -> None:
        if not outcome.is_suppressed:
            self._listener.on_publication(channel, publication, outcome.position)
