"""What the contract suites run against: every implementation of a port, bound and ready.

An engine joins the suite with one entry in SPECIMENS.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from hub.engines.memory import MemoryEngine
from tests.contract.redis_time import let_pass
from tests.support.clock import FakeClock
from tests.support.recording_listener import RecordingListener
from tests.support.redis_engines import cluster_config, running_engine, sentinel_config, server_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Sequence

    from hub.engine import Engine
    from hub.engines.redis.config import RedisConfig
    from tests.support.redis import RedisServer
    from tests.support.redis_cluster import RedisCluster
    from tests.support.redis_sentinel import SentinelGroup

NODE_LEASE_S = 60
"""The lease of an announced node in every engine under test."""

NODE_UID, OTHER_NODE_UID = "node-a", "node-b"
"""What the node under test is called, and the other one where there are two."""


class Specimen(NamedTuple):
    """One engine under test.

    Attributes:
        engine: started; whoever uses it binds it.
        advance: returns when so many seconds have passed for the engine: at once where the clock is ours, else later.
    """

    engine: Engine
    advance: Callable[[float], Coroutine[Any, Any, None]]


OpenSpecimen = AbstractAsyncContextManager[Specimen]


@asynccontextmanager
async def lazy_memory_engine(_: None) -> AsyncIterator[Specimen]:
    """Never swept: what has expired is still there and must not be seen."""
    clock = FakeClock()

    async def advance(seconds: float) -> None:
        clock.advance(seconds)

    yield Specimen(MemoryEngine(clock, node_lease_s=NODE_LEASE_S), advance)


@asynccontextmanager
async def swept_memory_engine(_: None) -> AsyncIterator[Specimen]:
    """Swept whenever time has passed: what has not expired must still be there."""
    clock = FakeClock()
    engine = MemoryEngine(clock, node_lease_s=NODE_LEASE_S)

    async def advance(seconds: float) -> None:
        clock.advance(seconds)
        while engine.sweep(budget=1):
            pass

    yield Specimen(engine, advance)


@asynccontextmanager
async def redis_engine(server: RedisServer) -> AsyncIterator[Specimen]:
    """On one server, with nothing in it."""
    server.reset()
    async with redis_specimen(server_config(server), [server]) as specimen:
        yield specimen


@asynccontextmanager
async def redis_cluster_engine(cluster: RedisCluster) -> AsyncIterator[Specimen]:
    """On three masters that share the slots, with nothing in them."""
    cluster.reset()
    async with redis_specimen(cluster_config(cluster), cluster.masters) as specimen:
        yield specimen


@asynccontextmanager
async def redis_sentinel_engine(group: SentinelGroup) -> AsyncIterator[Specimen]:
    """On whichever server the sentinels name, with nothing in it."""
    group.reset()
    async with redis_specimen(sentinel_config(group), [await group.primary()]) as specimen:
        yield specimen


@asynccontextmanager
async def redis_specimen(config: RedisConfig, servers: Sequence[RedisServer]) -> AsyncIterator[Specimen]:
    async def advance(seconds: float) -> None:
        await let_pass(seconds, servers)

    async with running_engine(config, node_uid=NODE_UID, node_lease_s=NODE_LEASE_S) as engine:
        yield Specimen(engine, advance)


class Kind(NamedTuple):
    """How a specimen is opened.

    Attributes:
        service: the fixture of what it needs, which is what `open` is given.
        config: of another node's engine on the same service; None where there is only one node.
    """

    open: Callable[[Any], OpenSpecimen]
    service: str = ""
    config: Callable[[Any], RedisConfig] | None = None


SPECIMENS: dict[str, Kind] = {
    "memory-lazy": Kind(lazy_memory_engine),
    "memory-swept": Kind(swept_memory_engine),
    "redis": Kind(redis_engine, "shared_redis", server_config),
    "redis-cluster": Kind(redis_cluster_engine, "shared_redis_cluster", cluster_config),
    "redis-sentinel": Kind(redis_sentinel_engine, "shared_redis_sentinel", sentinel_config),
}


@pytest.fixture(params=SPECIMENS)
async def specimen(request: pytest.FixtureRequest, listener: RecordingListener) -> AsyncIterator[Specimen]:
    kind = SPECIMENS[request.param]
    service = request.getfixturevalue(kind.service) if kind.service else None
    async with kind.open(service) as specimen:
        specimen.engine.bind(listener)
        yield specimen


@pytest.fixture
def listener() -> RecordingListener:
    return RecordingListener()


class Neighbours(NamedTuple):
    """Two nodes on the same service."""

    here: Engine
    there: Engine
    heard_here: RecordingListener
    heard_there: RecordingListener


@pytest.fixture(params=[name for name, kind in SPECIMENS.items() if kind.config is not None])
async def neighbours(request: pytest.FixtureRequest, listener: RecordingListener) -> AsyncIterator[Neighbours]:
    kind = SPECIMENS[request.param]
    service = request.getfixturevalue(kind.service)
    assert kind.config is not None
    other = RecordingListener()
    async with (
        kind.open(service) as specimen,
        running_engine(kind.config(service), other, node_uid=OTHER_NODE_UID, node_lease_s=NODE_LEASE_S) as there,
    ):
        specimen.engine.bind(listener)
        yield Neighbours(specimen.engine, there, listener, other)


@pytest.fixture
def engine(specimen: Specimen) -> Engine:
    return specimen.engine


@pytest.fixture
def advance(specimen: Specimen) -> Callable[[float], Coroutine[Any, Any, None]]:
    return specimen.advance
