"""The source over Redis streams: one reader per stream, for as long as the node lives."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.engines.redis.failures import ServerError
from hub.errors import EngineUnavailable
from hub.relay.reconnection import Pauses
from hub.relay.redis.access import RedisAccess
from hub.relay.redis.condition import Condition
from hub.relay.redis.counts import SourceCounts
from hub.relay.redis.settlement import Settlement
from hub.relay.redis.stream_reader import StreamReader
from hub.relay.source import SourceHealth
from hub.tracing import CURRENT, UNSAMPLED

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.histogram import Histogram
    from hub.relay.intake import Intake
    from hub.relay.redis.config import RedisStreamConfig
    from hub.relay.routing import Router

logger = logging.getLogger(__name__)

DRAIN_DEADLINE_S: Final = 5.0
"""How long `stop_intake` waits for what is in flight; another node takes the rest over."""

STANDBY_S: Final = 1.0
"""How often a node that may not read asks whether it may now."""


class RedisStreamSource:
    """Implements `hub.relay.source.Source`.

    Args:
        owner: what this process is called among those that ask for the lease; no two have the same.
        node_name: the consumer's name in the group, unless the configuration has one.
    """

    def __init__(
        self,
        config: RedisStreamConfig,
        router: Router,
        intake: Intake,
        clock: Clock,
        *,
        owner: str,
        node_name: str,
    ) -> None:
        """Raises: ConfigRefused."""
        self.name = config.name
        self._clock = clock
        self._counts = SourceCounts(config.name, clock)
        named = replace(config, consumer_name=config.consumer_name or node_name)
        self._readings = [
            _Reading(stream, named, router, intake, clock, self._counts, owner) for stream in config.streams
        ]
        self._router = router

    async def run(self) -> None:
        """Read until cancelled; after `stop_intake`, do nothing until cancelled."""
        CURRENT.set(UNSAMPLED)  # each message decides for itself
        async with asyncio.TaskGroup() as group:
            for reading in self._readings:
                group.create_task(reading.run())

    async def stop_intake(self) -> None:
        """Take nothing new, acknowledge what the engine has accepted, let others read; in 5 s at the most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await asyncio.gather(*(reading.stop() for reading in self._readings))

    def measures(self) -> dict[str, float]:
        """Counters and gauges by name; always the same names."""
        counts = self._counts
        return {
            f"redis_attached.{self.name}": self.health().is_attached,
            f"redis_active_streams.{self.name}": sum(reading.reader.is_active for reading in self._readings),
            f"redis_received.{self.name}": counts.num_received,
            f"redis_taken_over.{self.name}": counts.num_taken_over,
            f"redis_acknowledged.{self.name}": counts.num_acknowledged,
            f"redis_rejected.{self.name}": counts.num_rejected,
            f"redis_dropped.{self.name}": self._router.num_dropped,
            f"redis_dead_letters.{self.name}": counts.num_dead_letters,
            f"redis_dead_letters_trimmed.{self.name}": counts.num_dead_letters_trimmed,
            f"redis_deleted.{self.name}": counts.num_deleted,
            f"redis_lag.{self.name}": sum(counts.lag.values()),
            f"redis_lost_links.{self.name}": counts.num_lost_links,
        }

    def histograms(self) -> dict[str, Histogram]:
        return {f"consumer_lag_s.{self.name}": self._counts.lag_s}

    def health(self) -> SourceHealth:
        """Attached: every stream is being read, here or, with a single active consumer, by another node."""
        troubled = [reading for reading in self._readings if reading.condition.trouble]
        chosen = troubled or self._readings
        age_s = self._clock.monotonic_s() - max(reading.condition.since_s for reading in chosen)
        return SourceHealth(self.name, not troubled, age_s, troubled[0].condition.trouble if troubled else "")


class _Reading:
    """One stream, over as many connections as it takes."""

    def __init__(
        self,
        stream: str,
        config: RedisStreamConfig,
        router: Router,
        intake: Intake,
        clock: Clock,
        counts: SourceCounts,
        owner: str,
    ) -> None:
        self._access = RedisAccess(config.redis, clock)
        settlement = Settlement(stream, config, self._access, router, intake, counts)
        self.reader = StreamReader(stream, config, self._access, settlement, clock, counts, owner)
        self._clock = clock
        self._counts = counts
        self.condition = Condition(clock)
        self._is_idle = asyncio.Event()
        self._is_idle.set()

    async def run(self) -> None:
        pauses = Pauses(self._clock)
        try:
            while not self.condition.is_stopping:
                pauses.begin()
                self._is_idle.clear()
                try:
                    await self._read()
                finally:
                    self._is_idle.set()
                if not self.condition.is_stopping:
                    await self.condition.rest(pauses.next_s())
        finally:
            await self._access.close()
        await asyncio.Event().wait()  # its owner ends it

    async def stop(self) -> None:
        self.condition.stopping.set()
        await self._is_idle.wait()

    async def _read(self) -> None:
        """Over one connection, as long as it lasts."""
        try:
            await self.reader.begin()
            self.condition.note("")
            while not self.condition.is_stopping:
                if not await self.reader.step():
                    await self.condition.rest(STANDBY_S)
            await self.reader.let_go()
        except (EngineUnavailable, ServerError) as exc:
            self._fail(str(exc))
        except Exception as exc:  # a fault of ours: a new connection is a new chance
            logger.exception("redis_consumer_failed", extra={"stream": self.reader.stream})
            self._fail(type(exc).__name__)

    def _fail(self, why: str) -> None:
        self.reader.is_active = False
        self._counts.note_loss(why)
        self.condition.note(why)
