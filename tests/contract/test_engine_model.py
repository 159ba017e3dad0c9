"""Engines do what the model does, whatever is asked of them in whatever order, and however time passes in between.

Fewer runs where each step is a round trip.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from tests.contract.engine_machine import EngineMachine

if TYPE_CHECKING:
    from tests.support.redis import RedisServer
    from tests.support.redis_cluster import RedisCluster


class LazyMemoryMachine(EngineMachine):
    specimen_name = "memory-lazy"


class SweptMemoryMachine(EngineMachine):
    specimen_name = "memory-swept"


class RedisMachine(EngineMachine):
    specimen_name = "redis"


class RedisClusterMachine(EngineMachine):
    """Its two channels are on two masters."""

    specimen_name = "redis-cluster"


TestLazyMemory = LazyMemoryMachine.TestCase
TestSweptMemory = SweptMemoryMachine.TestCase
TestLazyMemory.settings = TestSweptMemory.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)


class TestRedis(RedisMachine.TestCase):  # type: ignore[misc,valid-type]  # hypothesis makes the class
    settings = settings(
        max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )

    @pytest.fixture(autouse=True)
    def on_the_shared_server(self, shared_redis: RedisServer) -> None:
        RedisMachine.service = shared_redis


class TestRedisCluster(RedisClusterMachine.TestCase):  # type: ignore[misc,valid-type]  # hypothesis makes the class
    settings = settings(
        max_examples=10, stateful_step_count=40, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )

    @pytest.fixture(autouse=True)
    def on_the_shared_cluster(self, shared_redis_cluster: RedisCluster) -> None:
        RedisClusterMachine.service = shared_redis_cluster
