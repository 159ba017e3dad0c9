"""The engine of a node: in the process, with what an orderly stop leaves to the next start, or in Redis."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Protocol

from hub.engines.memory import MemoryEngine
from hub.engines.memory.snapshot import SnapshotUnreadable
from hub.errors import EngineUnavailable
from hub.upkeep import ANNOUNCE_INTERVAL_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine

    from composition.config import NodeConfig
    from hub.clock import Clock
    from hub.engine import Engine
    from hub.engines.redis.config import RedisConfig
    from hub.engines.redis.engine import RedisEngine
    from hub.histogram import Histogram
    from storage.data_directory import DataDirectory

    Tasks = list[tuple[str, Coroutine[object, object, None]]]

logger = logging.getLogger(__name__)

NODE_LEASE_S: Final = 9.0
"""How long a node that says nothing is listed: three announcements, the next of which may be due when it stops."""

LAPSE_AFTER_S: Final = NODE_LEASE_S - ANNOUNCE_INTERVAL_S

START_DEADLINE_S: Final = 10.0
"""How long a start waits for a Redis that does not answer: it may be starting too, or failing over."""

START_POLL_S: Final = 1.0

READY_DEADLINE_S: Final = 5.0
"""How long a start waits for the connections it goes on with; then readiness has to tell."""


class CannotOpenEngine(Exception):
    """The text tells the operator why, and what to do."""


class NodeEngine(Protocol):
    """An engine, and what a node does with it beyond the port."""

    @property
    def engine(self) -> Engine:
        """The port."""

    @property
    def lapse_after_s(self) -> float:
        """As HubConfig's: 0 where there are no other nodes."""

    def tasks(self) -> Tasks:
        """The work that must go on as long as the node lives, by name."""

    async def ready(self) -> None:
        """Wait, for a while, until the tasks have made everything stand."""

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name; always the same names."""

    def histograms(self) -> dict[str, Histogram]:
        """Distributions, by name."""

    def age_s(self) -> float:
        """Seconds since the engine has given the last sign of life, in both directions."""

    def told_age_s(self) -> float:
        """Seconds since a message of another node could have come; always 0 where there are no others."""

    async def leave(self) -> None:
        """The node goes, in order: its last act on the engine. Never fails."""


@asynccontextmanager
async def open_engine(
    config: NodeConfig, clock: Clock, directory: DataDirectory | None, node_uid: str
) -> AsyncIterator[NodeEngine]:
    """The engine that the configuration names.

    Raises:
        CannotOpenEngine
    """
    history_meta_ttl_s = config.hub.channel.history_meta_ttl_s
    if config.redis is None:
        memory = MemoryEngine(clock, history_meta_ttl_s=history_meta_ttl_s)
        _take_over(memory, directory)
        yield _InProcess(memory, directory)
    else:
        async with _open_redis(config.redis, clock, node_uid, history_meta_ttl_s) as redis:
            yield _InRedis(redis)


class _InProcess:
    lapse_after_s = 0.0

    def __init__(self, engine: MemoryEngine, directory: DataDirectory | None) -> None:
        self.engine = engine
        self._directory = directory

    def tasks(self) -> Tasks:
        return [("engine.memory", self.engine.run())]

    async def ready(self) -> None:
        """It always is."""

    def measures(self) -> dict[str, float]:
        return {"idempotency_evictions": self.engine.holdings().idempotency_evictions}

    def histograms(self) -> dict[str, Histogram]:
        """None: nothing here takes a way."""
        return {}

    def age_s(self) -> float:
        return 0.0

    def told_age_s(self) -> float:
        return 0.0

    async def leave(self) -> None:
        """Hand everything over to the next start, where there is a place for it."""
        if self._directory is not None:
            self._directory.leave_handover(self.engine.dump())


class _InRedis:
    """What is in Redis needs no handover; what is in this process is worth none."""

    lapse_after_s = LAPSE_AFTER_S

    def __init__(self, engine: RedisEngine) -> None:
        self.engine = engine

    def tasks(self) -> Tasks:
        return self.engine.tasks()

    async def ready(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_DEADLINE_S):
                await self.engine.ready()

    def measures(self) -> dict[str, float]:
        return self.engine.measures()

    def histograms(self) -> dict[str, Histogram]:
        return self.engine.histograms()

    def age_s(self) -> float:
        health = self.engine.health()
        return max(health.answer_age_s, health.canary_age_s)

    def told_age_s(self) -> float:
        return self.engine.control_age_s()

    async def leave(self) -> None:
        """The others list this node no longer."""
        try:
            await self.engine.leave()
        except EngineUnavailable:
            logger.warning("lease_not_given_back")


@asynccontextmanager
async def _open_redis(
    config: RedisConfig, clock: Clock, node_uid: str, history_meta_ttl_s: float
) -> AsyncIterator[RedisEngine]:
    try:
        from hub.engines.redis.engine import open_redis_engine  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as exc:
        raise CannotOpenEngine(
            f"engine.type is redis, and {exc.name} is not installed: install the extra, syncline[redis]"
        ) from exc
    async with contextlib.AsyncExitStack() as stack:
        yield await _patiently(
            lambda: stack.enter_async_context(
                open_redis_engine(
                    config,
                    clock,
                    node_uid=node_uid,
                    history_meta_ttl_s=history_meta_ttl_s,
                    node_lease_s=NODE_LEASE_S,
                    lapse_after_s=LAPSE_AFTER_S,
                )
            ),
            clock,
        )


async def _patiently(open_once: Callable[[], Awaitable[RedisEngine]], clock: Clock) -> RedisEngine:
    """A server that is not there may be about to come; what is wrong with the configuration stays wrong."""
    begun_s = clock.monotonic_s()
    while True:
        try:
            return await open_once()
        except EngineUnavailable as exc:
            if clock.monotonic_s() - begun_s > START_DEADLINE_S:
                raise CannotOpenEngine(f"engine.redis: {exc}") from exc
            logger.warning("engine_not_there_yet", extra={"detail": str(exc)})
        except (ValueError, OSError) as exc:
            raise CannotOpenEngine(f"engine.redis: {exc}") from exc
        await asyncio.sleep(START_POLL_S)


def _take_over(engine: MemoryEngine, directory: DataDirectory | None) -> None:
    data = None if directory is None else directory.take_handover()
    if data is None:
        return
    try:
        streams = engine.load(data)
    except SnapshotUnreadable as exc:
        logger.warning("handover_unreadable", extra={"detail": str(exc)})
    else:
        logger.info("handover_loaded", extra={"streams": streams})
