"""The Redis servers that tests share: one alone, a cluster, and one behind Sentinel. Each starts when first asked for.

A test that breaks a server for good starts its own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.redis import RedisServer
from tests.support.redis import redis_server as running_redis_server
from tests.support.redis_cluster import redis_cluster as running_redis_cluster
from tests.support.redis_sentinel import redis_sentinel as running_redis_sentinel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.redis_cluster import RedisCluster
    from tests.support.redis_sentinel import SentinelGroup


@pytest.fixture(scope="session")
def shared_redis() -> Iterator[RedisServer]:
    """One server for all tests that do not break it; `redis_server` empties it."""
    with running_redis_server() as server:
        yield server


@pytest.fixture
def redis_server(shared_redis: RedisServer) -> RedisServer:
    """The shared server, with nothing in it. Whoever changes its settings puts them back."""
    shared_redis.reset()
    return shared_redis


@pytest.fixture
def own_redis() -> Iterator[RedisServer]:
    """A server for this test alone: it may be killed, filled and reconfigured."""
    with running_redis_server() as server:
        yield server


@pytest.fixture
def durable_redis() -> Iterator[RedisServer]:
    """As `own_redis`; a restart finds everything again."""
    with running_redis_server(is_durable=True) as server:
        yield server


@pytest.fixture(scope="session")
def shared_redis_cluster() -> Iterator[RedisCluster]:
    """Three masters for all tests that do not break them; `redis_cluster` empties them."""
    with running_redis_cluster() as cluster:
        yield cluster


@pytest.fixture
def redis_cluster(shared_redis_cluster: RedisCluster) -> RedisCluster:
    """The shared cluster, with nothing in it and its slots as they were. Whoever moves a slot moves it back."""
    shared_redis_cluster.reset()
    return shared_redis_cluster


@pytest.fixture(scope="session")
def shared_redis_sentinel() -> Iterator[SentinelGroup]:
    """A primary with a replica, and three sentinels, for all tests that leave the roles alone."""
    with running_redis_sentinel() as group:
        yield group


@pytest.fixture
def redis_sentinel(shared_redis_sentinel: SentinelGroup) -> SentinelGroup:
    """The shared primary, with nothing in it."""
    shared_redis_sentinel.reset()
    return shared_redis_sentinel


@pytest.fixture
def own_redis_sentinel() -> Iterator[SentinelGroup]:
    """A primary with a replica for this test alone: they may die."""
    with running_redis_sentinel() as group:
        yield group
