"""A session that ends on one node ends on the other: told by Redis, read from PostgreSQL, whichever works."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from tests.e2e.devices import Device, Devices, devices_on, operate, platform
from tests.lab.fault_proxy import FaultProxy, fault_proxy_to
from tests.support.cluster import know_each_other, new_prefix, redis_section
from tests.support.patience import TIME_SCALE
from tests.support.raw_client import Close, RawClient
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.redis import RedisServer

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(120 * TIME_SCALE)]

REVOKED = Close(3590, "session revoked")

DATABASE = "cluster_sessions"


@dataclass
class Cluster:
    """Two nodes; what the second one has of Redis and of PostgreSQL goes through proxies."""

    here: Devices
    there: Devices
    redis: FaultProxy
    database: FaultProxy

    async def pair(self) -> tuple[Device, Device, RawClient]:
        """A user's two devices, logged in here; the second one is connected there."""
        email = await self.here.register()
        revoker, victim = await self.here.log_in(email), await self.here.log_in(email)
        return revoker, victim, await self.there.connect(victim)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(
    shared_redis: RedisServer, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cluster]:
    url, prefix = postgres.create_database(DATABASE), new_prefix()
    directory: Path = tmp_path_factory.mktemp("operator")
    await operate(platform(database={"url": url}), directory, "migrate", "up")
    async with AsyncExitStack() as stack:
        redis = await stack.enter_async_context(fault_proxy_to(shared_redis.port))
        database = await stack.enter_async_context(fault_proxy_to(postgres.port))
        here = platform(database={"url": url}, engine=redis_section(shared_redis.port, prefix))
        proxied = url.replace(f":{postgres.port}/", f":{database.port}/")
        there = platform(database={"url": proxied}, engine=redis_section(redis.port, prefix))
        nodes = [await stack.enter_async_context(running_server(config)) for config in (here, there)]
        await know_each_other(nodes)
        devices = [await stack.enter_async_context(devices_on(node)) for node in nodes]
        yield Cluster(devices[0], devices[1], redis, database)


async def test_it_is_told(cluster: Cluster) -> None:
    revoker, victim, connection = await cluster.pair()
    assert (await revoker.call("DELETE", f"/v1/sessions/{victim.sid}")).status == 204
    assert await connection.closing() == REVOKED
    with pytest.raises(AssertionError, match="3590"):
        await cluster.there.connect(victim)


async def test_f37_without_redis_it_is_read(cluster: Cluster) -> None:
    revoker, victim, connection = await cluster.pair()
    cluster.redis.cut()
    try:
        assert (await revoker.call("DELETE", f"/v1/sessions/{victim.sid}")).status == 204
        assert await connection.closing() == REVOKED
    finally:
        cluster.redis.mend()
        await cluster.there.node.ready()


async def test_f37_without_postgresql_it_is_told(cluster: Cluster) -> None:
    revoker, victim, connection = await cluster.pair()
    cluster.database.cut()
    try:
        assert (await revoker.call("DELETE", f"/v1/sessions/{victim.sid}")).status == 204
        assert await connection.closing() == REVOKED
    finally:
        cluster.database.mend()
        await cluster.there.node.ready()


async def test_the_other_device_hears_of_it_on_the_other_node(cluster: Cluster) -> None:
    revoker, victim, _ = await cluster.pair()
    listening = await cluster.there.connect(revoker)
    await revoker.call("DELETE", f"/v1/sessions/{victim.sid}")
    while True:
        [event] = await listening.data(f"sessions:#{revoker.user}", 1)
        if event["type"] == "session.revoked":
            break
    assert event["sid"] == victim.sid
