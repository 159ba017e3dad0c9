"""The source over Redis pub/sub: at most once, because Redis keeps nothing for whoever does not listen at the moment.

Messages are lost while no node is connected, while the lease changes hands, and when more come than can be published.
Each such time is counted, and none of it reaches a client as a gap: nobody knows what there was. Whoever needs every
message publishes to a stream.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Final

from hub.engines.redis.discovery import choose_topology
from hub.engines.redis.failures import LinkLost, ServerError
from hub.engines.redis.opening import open_primary
from hub.errors import EngineUnavailable
from hub.relay.message import Message
from hub.relay.message_traces import MessageTraces
from hub.relay.reconnection import Pauses
from hub.relay.redis.access import RedisAccess
from hub.relay.redis.condition import Condition
from hub.relay.redis.counts import SourceCounts
from hub.relay.redis.lease import LEASE_MS, Lease, lease_key
from hub.relay.redis.pattern_link import PatternLink
from hub.relay.rejection import Rejected
from hub.relay.routing import outcome_of
from hub.relay.source import SourceHealth
from hub.tracing import CURRENT, UNSAMPLED

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.histogram import Histogram
    from hub.relay.delivery import Delivery
    from hub.relay.intake import Intake
    from hub.relay.redis.config import RedisPubSubConfig
    from hub.relay.routing import Router

logger = logging.getLogger(__name__)

BATCH: Final = 200
DRAIN_DEADLINE_S: Final = 5.0
RENEWAL_S: Final = LEASE_MS / 1000 / 5
MAX_WAITING_BYTES: Final = 32 * 1024 * 1024


class RedisPubSubSource:
    """Implements `hub.relay.source.Source`; it acknowledges nothing.

    Args:
        owner: what this process is called among those that ask for the lease; no two have the same.
    """

    def __init__(self, config: RedisPubSubConfig, router: Router, intake: Intake, clock: Clock, *, owner: str) -> None:
        """Raises: ConfigRefused."""
        self.name = config.name
        self._config = config
        self._router = router
        self._intake = intake
        self._clock = clock
        self._counts = SourceCounts(config.name, clock)
        self._access = RedisAccess(config.redis, clock)
        self._topology = choose_topology(config.redis, clock)
        self._lease = Lease(lease_key(config.redis.prefix, config.name), owner if config.single_active_consumer else "")
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._arrived_s: deque[float] = deque()
        self._wake = asyncio.Event()
        self._condition = Condition(clock)
        self._is_deaf, self._is_published = asyncio.Event(), asyncio.Event()
        self._is_deaf.set()
        self._is_published.set()
        self._has_listened = self._is_listening = False

    async def run(self) -> None:
        """Listen until cancelled; after `stop_intake`, do nothing until cancelled."""
        CURRENT.set(UNSAMPLED)  # each message decides for itself
        async with asyncio.TaskGroup() as group:
            group.create_task(self._publish_for_ever())
            group.create_task(self._listen_for_ever())

    async def stop_intake(self) -> None:
        """Listen no more, publish what has come; in 5 s at the most."""
        self._condition.stopping.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await self._is_deaf.wait()
                await self._is_published.wait()

    def measures(self) -> dict[str, float]:
        """Counters and gauges by name; always the same names."""
        counts = self._counts
        return {
            f"redis_attached.{self.name}": not self._condition.trouble,
            f"redis_listening.{self.name}": self._is_listening,
            f"redis_received.{self.name}": counts.num_received,
            f"redis_waiting.{self.name}": len(self._waiting),
            f"redis_rejected.{self.name}": counts.num_rejected,
            f"redis_dropped.{self.name}": counts.num_dropped + self._router.num_dropped,
            f"redis_gaps.{self.name}": counts.num_gaps,
            f"redis_lost_links.{self.name}": counts.num_lost_links,
        }

    def histograms(self) -> dict[str, Histogram]:
        return {f"consumer_lag_s.{self.name}": self._counts.lag_s}

    def health(self) -> SourceHealth:
        age_s = self._clock.monotonic_s() - self._condition.since_s
        return SourceHealth(self.name, not self._condition.trouble, age_s, self._condition.trouble)

    # --- listening --------------------------------------------------------------------------------------------------

    async def _listen_for_ever(self) -> None:
        pauses = Pauses(self._clock)
        try:
            while not self._condition.is_stopping:
                pauses.begin()
                self._is_deaf.clear()
                try:
                    await self._listen_in_turn()
                except (EngineUnavailable, ServerError) as exc:
                    self._fail(str(exc))
                except Exception as exc:  # a fault of ours: a new connection is a new chance
                    logger.exception("redis_consumer_failed", extra={"consumer": self.name})
                    self._fail(type(exc).__name__)
                finally:
                    self._is_deaf.set()
                if not self._condition.is_stopping:
                    await self._condition.rest(pauses.next_s())
        finally:
            await self._access.close()
            await self._topology.close()
        await asyncio.Event().wait()  # its owner ends it

    async def _listen_in_turn(self) -> None:
        """Wait until it is this node's turn, then listen until it is not, or the connection ends."""
        while not await self._lease.hold(self._access):
            self._condition.note("")
            await self._condition.rest(RENEWAL_S)
            if self._condition.is_stopping:
                return
        link = await self._opened()
        try:
            await link.listen(self._config.patterns, self._receive)
            if link.is_closed:
                raise LinkLost("the connection was lost before it listened")
            self._begin_listening()
            await self._keep_listening(link)
        finally:
            link.close()
            self._is_listening = False
        await self._lease.let_go(self._access)

    def _begin_listening(self) -> None:
        if self._has_listened:
            self._counts.note_gap()
        self._has_listened = self._is_listening = True
        self._condition.note("")

    async def _keep_listening(self, link: PatternLink) -> None:
        """Returns when this node is to stop. Raises: LinkLost, EngineUnavailable."""
        while not self._condition.is_stopping:
            if link.is_closed:
                raise LinkLost("the connection was lost")
            if not await self._lease.hold(self._access):
                raise LinkLost("another node listens now")
            await link.ping(RENEWAL_S)

    async def _opened(self) -> PatternLink:
        """To any server of a cluster: all of them hand every message on."""
        config = self._config.redis
        primaries = (await self._topology.locate()).primaries
        if not primaries:
            raise EngineUnavailable("no server is known at the moment")
        new_link = partial(PatternLink, self._clock, config.io_timeout_s)
        return await open_primary(primaries[0], config, self._topology, new_link)

    def _receive(self, channel: bytes, data: bytes) -> None:
        self._counts.num_received += 1
        is_full = len(self._waiting) >= self._config.max_waiting or self._waiting_bytes >= MAX_WAITING_BYTES
        if is_full:
            self._counts.note_dropped()
            return
        self._waiting.append(Message(data, {}, subject=channel.decode(errors="replace")))
        self._waiting_bytes += len(data)
        self._arrived_s.append(self._clock.monotonic_s())
        self._is_published.clear()
        self._wake.set()

    # --- publishing -------------------------------------------------------------------------------------------------

    async def _publish_for_ever(self) -> None:
        while True:
            if not self._waiting:
                self._is_published.set()
                self._wake.clear()
                await self._wake.wait()
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._waiting_bytes -= sum(len(message.body) for message in batch)
            arrived_s = [self._arrived_s.popleft() for _ in batch]
            await self._publish(batch)
            now_s = self._clock.monotonic_s()
            for at_s in arrived_s:
                self._counts.lag_s.observe(now_s - at_s)

    async def _publish(self, batch: list[Message]) -> None:
        with MessageTraces(self._intake.traces, "redis", self.name) as spans:
            await self._publish_followed(batch, spans)

    async def _publish_followed(self, batch: list[Message], spans: MessageTraces) -> None:
        routed = [(message, taken) for message in batch if (taken := self._routed(message, spans)) is not None]
        verdicts = await spans.accepting(self._intake.accept_patiently)([deliveries for _, deliveries in routed])
        for (message, _), rejected in zip(routed, verdicts, strict=True):
            if rejected is not None:
                self._counts.note_rejection(message.subject, rejected)

    def _routed(self, message: Message, spans: MessageTraces) -> list[Delivery] | None:
        routed = outcome_of(lambda: self._router.route(message), "redis_routing_failed", consumer=self.name)
        outcome = spans.begin(routed, message.subject, lambda: message.headers)
        if isinstance(outcome, Rejected):
            self._counts.note_rejection(message.subject, outcome)
            return None
        return outcome

    # --- how it is --------------------------------------------------------------------------------------------------

    def _fail(self, why: str) -> None:
        self._counts.note_loss(why)
        self._condition.note(why)
