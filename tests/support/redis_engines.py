"""Redis engines that run, as a node runs them: opened, bound, with their tasks, and ready."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from hub.clock import SystemClock
from hub.engines.redis.config import Address, RedisConfig, SentinelConfig
from hub.engines.redis.engine import open_redis_engine
from tests.support.patience import PATIENCE_S, TIME_SCALE
from tests.support.recording_listener import RecordingListener

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.clock import Clock
    from hub.engine import EngineListener
    from hub.engines.redis.engine import RedisEngine
    from tests.support.redis import RedisServer
    from tests.support.redis_cluster import RedisCluster
    from tests.support.redis_sentinel import SentinelGroup

CONNECT_TIMEOUT_S: Final = 1 * TIME_SCALE
IO_TIMEOUT_S: Final = 2 * TIME_SCALE


def server_config(server: RedisServer, prefix: str = "test", port: int = 0) -> RedisConfig:
    """Of a server alone, or of a proxy in front of it."""
    return RedisConfig(
        addresses=(Address(server.host, port or server.port),),
        prefix=prefix,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        io_timeout_s=IO_TIMEOUT_S,
    )


def cluster_config(cluster: RedisCluster, prefix: str = "test") -> RedisConfig:
    """Its first two servers are the seeds."""
    return RedisConfig(
        addresses=tuple(Address(server.host, server.port) for server in cluster.servers[:2]),
        is_cluster=True,
        prefix=prefix,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        io_timeout_s=IO_TIMEOUT_S,
    )


def sentinel_config(group: SentinelGroup, prefix: str = "test") -> RedisConfig:
    sentinels = tuple(Address(sentinel.host, sentinel.port) for sentinel in group.sentinels)
    return RedisConfig(
        sentinel=SentinelConfig(addresses=sentinels, master_name=group.name),
        prefix=prefix,
        connect_timeout_s=CONNECT_TIMEOUT_S,
        io_timeout_s=IO_TIMEOUT_S,
    )


@asynccontextmanager
async def running_engine(
    config: RedisConfig,
    listener: EngineListener | None = None,
    *,
    node_uid: str = "node-a",
    node_lease_s: float = 60,
    clock: Clock | None = None,
) -> AsyncIterator[RedisEngine]:
    """An engine that is ready; what it hears goes to `listener`, which the engine's user binds when there is none.

    Args:
        node_lease_s: how long the process may stand still before the engine says so: long, unless the test is on it.
    """
    opening = open_redis_engine(
        config, clock or SystemClock(), node_uid=node_uid, node_lease_s=node_lease_s, lapse_after_s=node_lease_s
    )
    async with opening as engine:
        engine.bind(listener or RecordingListener())
        running = [asyncio.create_task(work, name=name) for name, work in engine.tasks()]
        try:
            async with asyncio.timeout(PATIENCE_S):
                await engine.ready()
            yield engine
        finally:
            for task in running:
                task.cancel()
            failures = await asyncio.gather(*running, return_exceptions=True)
            assert all(isinstance(failure, asyncio.CancelledError) for failure in failures), failures
