"""Fault matrix row F16: another server becomes primary, behind Sentinel and in a cluster.

Publications go on through all of it. Whatever was acknowledged has arrived at the end, or its epoch is over: never a
swap, never a gap without a sign.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

import pytest

from hub.engine import HistoryQuery
from hub.engines.redis.keys import Keys
from tests.support.patience import eventually
from tests.support.recording_listener import RecordingListener
from tests.support.redis import RedisServer, redis_server
from tests.support.redis_cluster import RedisCluster
from tests.support.redis_cluster import redis_cluster as running_redis_cluster
from tests.support.redis_engines import cluster_config, running_engine, sentinel_config, server_config
from tests.support.redis_sentinel import SentinelGroup
from tests.support.redis_traffic import Traffic, dishonesties, flowing, heard_all, losses, number_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from hub.engines.redis.config import RedisConfig
    from hub.engines.redis.engine import RedisEngine

CHANNEL = "news"


class Two(NamedTuple):
    """Two nodes' engines: one publishes, one listens to CHANNEL."""

    publisher: RedisEngine
    listener: RecordingListener
    subscriber: RedisEngine


@asynccontextmanager
async def two_engines(config: RedisConfig, *channels: str) -> AsyncIterator[Two]:
    listener = RecordingListener()
    async with running_engine(config) as publisher, running_engine(config, listener, node_uid="node-b") as subscriber:
        for channel in channels or (CHANNEL,):
            await subscriber.subscribe(channel)
        yield Two(publisher, listener, subscriber)


# --- Sentinel ---------------------------------------------------------------------------------------------------------


async def test_f16_a_planned_failover_in_the_middle_of_publishing(own_redis_sentinel: SentinelGroup) -> None:
    group = own_redis_sentinel
    async with two_engines(sentinel_config(group)) as two:
        traffic = Traffic(two.publisher, CHANNEL)
        async with flowing(traffic):
            primary = await group.fail_over()
            await eventually(lambda: _is_used_by(primary, 2))
            await traffic.until_acknowledged(20)
        await heard_all(two.listener, traffic, dishonesties)


async def test_f16_the_primary_is_killed_in_the_middle_of_publishing(own_redis_sentinel: SentinelGroup) -> None:
    group = own_redis_sentinel
    async with two_engines(sentinel_config(group)) as two:
        traffic = Traffic(two.publisher, CHANNEL)
        async with flowing(traffic):
            old = await group.primary()
            old.kill()
            await group.other_primary(old)
            await traffic.until_acknowledged(20)
        await heard_all(two.listener, traffic, dishonesties)
        assert traffic.acknowledged[1].epoch != (await traffic.publish()).epoch


async def test_f16_a_replica_that_lags_becomes_primary(own_redis_sentinel: SentinelGroup) -> None:
    """What it has not got is lost, and everybody is told: the epoch is another one."""
    group = own_redis_sentinel
    async with two_engines(sentinel_config(group)) as two:
        traffic = Traffic(two.publisher, CHANNEL)
        for _ in range(5):
            await traffic.publish()
        old = await group.primary()
        [replica] = await group.replicas()
        await eventually(lambda: _is_replicated(old))
        await group.hold_back(replica)
        for _ in range(3):
            await traffic.publish()
        before = await traffic.publish()
        await two.listener.until(lambda heard: len(heard.publications) == before.offset)
        old.kill()
        await group.other_primary(old)
        after = await traffic.publish()
        history = await two.publisher.history(CHANNEL, HistoryQuery(limit=-1))
        await heard_all(two.listener, traffic, dishonesties)
    assert before.epoch != after.epoch
    assert [int(bytes(one.data or b"")) for one in history.publications] == [1, 2, 3, 4, 5, 10]
    assert history.position == after
    assert [number_of(delivery) for delivery in two.listener.publications] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]


async def test_f16_a_frozen_primary_is_left_and_its_return_changes_nothing(own_redis_sentinel: SentinelGroup) -> None:
    """It still takes itself for the primary when it comes back."""
    group = own_redis_sentinel
    async with two_engines(sentinel_config(group)) as two:
        traffic = Traffic(two.publisher, CHANNEL)
        async with flowing(traffic):
            old = await group.primary()
            old.pause()
            new = await group.other_primary(old)
            await traffic.until_acknowledged(5)
            old.resume()
            await traffic.until_acknowledged(20)
        await heard_all(two.listener, traffic, dishonesties)
        assert await _is_used_by(new, 2)


async def test_f16_all_sentinels_gone_the_primary_is_used_on(own_redis_sentinel: SentinelGroup) -> None:
    group = own_redis_sentinel
    async with two_engines(sentinel_config(group)) as two:
        for sentinel in group.sentinels:
            sentinel.kill()
        traffic = Traffic(two.publisher, CHANNEL)
        async with flowing(traffic):
            await eventually(lambda: two.publisher.measures().get("redis_map_unavailable", 0) > 0)
            await traffic.until_acknowledged(20)
        await heard_all(two.listener, traffic, losses)
        assert traffic.refusals == 0


@pytest.fixture(params=["READONLY", "MASTERDOWN"])
def demotable(request: pytest.FixtureRequest) -> Iterator[RedisServer]:
    """As a replica that has no primary, it refuses in the one or in the other way."""
    serves_stale = "yes" if request.param == "READONLY" else "no"
    with redis_server(settings={"replica-serve-stale-data": serves_stale}) as server:
        yield server


async def test_f16_a_server_that_refuses_as_a_replica_is_asked_again(demotable: RedisServer) -> None:
    """Nothing of it was carried out, so that repeating is no risk."""
    async with two_engines(server_config(demotable)) as two:
        traffic = Traffic(two.publisher, CHANNEL)
        async with flowing(traffic):
            await demotable.execute("REPLICAOF", "127.0.0.1", "1")
            await eventually(lambda: two.publisher.measures().get("redis_not_executed", 0) > 0)
            await demotable.execute("REPLICAOF", "NO", "ONE")
            await traffic.until_acknowledged(20)
        await heard_all(two.listener, traffic, losses)
        offsets = [position.offset for position in traffic.acknowledged.values()]
        assert offsets == list(range(1, len(offsets) + 1))


# --- Cluster ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def replicated_cluster() -> Iterator[RedisCluster]:
    """The first of the three masters has a replica."""
    with running_redis_cluster(num_replicas=1) as cluster:
        yield cluster


@pytest.mark.parametrize("fails", [RedisServer.kill, RedisServer.pause], ids=["dies", "freezes and comes back"])
async def test_f16_a_master_of_a_cluster_fails(
    replicated_cluster: RedisCluster, fails: Callable[[RedisServer], None]
) -> None:
    """Its channels go on in a new epoch at its replica; those of the others go on all the time."""
    cluster = replicated_cluster
    config = cluster_config(cluster)
    names = [_channel_of(config, cluster, number) for number in range(3)]
    async with two_engines(config, *names) as two:
        doomed, *others = (Traffic(two.publisher, name) for name in names)
        async with flowing(doomed, *others):
            fails(cluster.masters[0])
            for traffic in others:
                await traffic.until_acknowledged(50)
            await doomed.until_acknowledged(20)
            cluster.masters[0].resume()
            await doomed.until_acknowledged(20)
        await heard_all(two.listener, doomed, dishonesties)
        for traffic in others:
            await heard_all(two.listener, traffic, losses)
            assert len({position.epoch for position in traffic.acknowledged.values()}) == 1
            assert traffic.refusals == 0
        assert doomed.acknowledged[1].epoch != (await doomed.publish()).epoch


async def test_f16_slots_move_while_their_channel_is_in_use(redis_cluster: RedisCluster) -> None:
    cluster = redis_cluster
    config = cluster_config(cluster)
    slot = Keys(config.prefix).of(CHANNEL).slot
    home = await cluster.primary_of(slot)
    away = next(master for master in cluster.masters if master is not home)
    async with two_engines(config) as two:
        traffic = Traffic(two.publisher, CHANNEL)
        async with flowing(traffic):
            for target in (away, home):
                await cluster.move_slot(slot, target)
                await traffic.until_acknowledged(20)
                await eventually(lambda target=target: _listens(target))  # type: ignore[misc]  # bound early
        await heard_all(two.listener, traffic, losses)


async def test_f16_a_slot_on_its_way_is_waited_for(redis_cluster: RedisCluster) -> None:
    """Its channels rest (Redis answers TRYAGAIN and ASK), nothing is carried out twice, and all others go on."""
    cluster = redis_cluster
    config = cluster_config(cluster)
    slot = Keys(config.prefix).of(CHANNEL).slot
    home = await cluster.primary_of(slot)
    away = next(master for master in cluster.masters if master is not home)
    async with two_engines(config) as two:
        traffic = Traffic(two.publisher, CHANNEL)
        other = Traffic(two.publisher, _channel_of(config, cluster, cluster.masters.index(away)))
        async with flowing(traffic, other):
            await cluster.begin_move(slot, home, away)
            await eventually(lambda: traffic.refusals > 0)
            await other.until_acknowledged(20)
            await cluster.move_slot(slot, away)
            await traffic.until_acknowledged(20)
            await cluster.move_slot(slot, home)
            await traffic.until_acknowledged(20)
        assert other.refusals == 0
        await heard_all(two.listener, traffic, losses)


def _channel_of(config: RedisConfig, cluster: RedisCluster, number: int) -> str:
    """A channel whose keys that master has: slots are given out evenly and in order."""
    keys = Keys(config.prefix)
    share = 16_384 // len(cluster.masters)
    return next(name for name in map(str, range(1000)) if keys.of(name).slot // share == number)


async def _is_used_by(server: RedisServer, num_engines: int) -> bool:
    """Every engine listens there."""
    clients = str(await server.execute("CLIENT", "LIST", "TYPE", "pubsub")).splitlines()
    return sum(" user=default " in client and " sub=0 " not in client for client in clients) >= num_engines


async def _listens(server: RedisServer) -> bool:
    return bool(await server.execute("PUBSUB", "SHARDCHANNELS", "*"))


async def _is_replicated(server: RedisServer) -> bool:
    """Its replica has everything of it."""
    _, offset, replicas = await server.execute("ROLE")
    return bool(replicas) and all(int(replica[2]) >= int(offset) for replica in replicas)
