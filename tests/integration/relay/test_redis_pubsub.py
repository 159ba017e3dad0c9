"""The source over Redis pub/sub against a real server: at most once, and every loss counted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.engines.redis.config import RedisConfig
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.redis.config import RedisPubSubConfig
from tests.lab.fault_proxy import fault_proxy_to, sent
from tests.support.patience import eventually
from tests.support.redis_streams import addresses_of, pubsub_source, redis_at
from tests.support.relay_world import RelayWorld

if TYPE_CHECKING:
    from tests.support.redis import RedisServer
    from tests.support.redis_cluster import RedisCluster


def config_of(server: RedisServer, port: int = 0, **options: Any) -> RedisPubSubConfig:
    return replace(RedisPubSubConfig(name="feed", redis=redis_at(server, port), patterns=("feed.*", "news")), **options)


async def publish(server: RedisServer, channel: str, seq: int) -> None:
    await server.execute("PUBLISH", channel, json.dumps({"key": "a", "seq": seq}))


async def test_messages_of_the_patterns_are_published_in_order(redis_server: RedisServer) -> None:
    world = RelayWorld()
    source = pubsub_source(world, config_of(redis_server))
    async with world.running(source):
        await eventually(lambda: source.measures()["redis_listening.feed"])
        for seq, channel in enumerate(["feed.one", "news", "feed.two"]):
            await publish(redis_server, channel, seq)
        await publish(redis_server, "other", 9)
        await world.has_seqs("a", range(3))
        await eventually(lambda: source.histograms()["consumer_lag_s.feed"].count == 3)
    assert source.measures()["redis_received.feed"] == 3


async def test_the_pubsub_channel_is_the_routing_key(redis_server: RedisServer) -> None:
    world = RelayWorld()
    routing = RoutingConfig(routes=(RouteConfig(channels=("{routing_key}",)),))
    source = pubsub_source(world, config_of(redis_server), routing=routing)
    async with world.running(source):
        await eventually(lambda: source.measures()["redis_listening.feed"])
        await publish(redis_server, "feed.one", 1)
        await world.has_seqs("feed.one", [1])


async def test_one_node_listens_so_that_nothing_is_published_twice(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), config_of(redis_server)
    first, second = pubsub_source(world, config, "node-1"), pubsub_source(world, config, "node-2")
    async with world.running(first):
        await eventually(lambda: first.measures()["redis_listening.feed"])
        async with world.running(second):
            await publish(redis_server, "news", 1)
            await world.has_seqs("a", [1])
            assert second.measures()["redis_received.feed"] == 0
            await first.stop_intake()
            await eventually(lambda: second.measures()["redis_listening.feed"])
            await publish(redis_server, "news", 2)
            await world.has_seqs("a", [1, 2])


async def test_what_cannot_be_routed_is_counted(redis_server: RedisServer) -> None:
    world = RelayWorld()
    source = pubsub_source(world, config_of(redis_server))
    async with world.running(source):
        await eventually(lambda: source.measures()["redis_listening.feed"])
        await redis_server.execute("PUBLISH", "news", "{")
        await eventually(lambda: source.measures()["redis_rejected.feed"] == 1)
        await publish(redis_server, "news", 1)
        await world.has_seqs("a", [1])


async def test_more_than_may_wait_is_dropped_and_counted(redis_server: RedisServer) -> None:
    world = RelayWorld()
    world.engine.gate.clear()
    source = pubsub_source(world, config_of(redis_server, max_waiting=3))
    async with world.running(source):
        await eventually(lambda: source.measures()["redis_listening.feed"])
        await publish(redis_server, "news", 0)
        await eventually(lambda: world.engine.num_calls == 1)
        for seq in range(1, 6):
            await publish(redis_server, "news", seq)
        await eventually(lambda: source.measures()["redis_dropped.feed"] == 2)
        world.engine.gate.set()
        await world.has_seqs("a", range(4))


async def test_f13_a_lost_connection_is_replaced_and_the_gap_counted(redis_server: RedisServer) -> None:
    world = RelayWorld()
    async with fault_proxy_to(redis_server.port) as proxy:
        source = pubsub_source(world, config_of(redis_server, proxy.port))
        async with world.running(source):
            await eventually(lambda: source.measures()["redis_listening.feed"])
            proxy.reset(sent(b"PSUBSCRIBE"))
            await eventually(lambda: source.measures()["redis_gaps.feed"] == 1)
            await publish(redis_server, "news", 1)
            await world.has_seqs("a", [1])


async def test_f12_a_server_that_says_nothing_is_left(own_redis: RedisServer) -> None:
    world = RelayWorld()
    source = pubsub_source(world, config_of(own_redis))
    async with world.running(source):
        await eventually(lambda: source.measures()["redis_listening.feed"])
        own_redis.pause()
        await eventually(lambda: not source.health().is_attached)
        own_redis.resume()
        await eventually(lambda: source.measures()["redis_gaps.feed"] == 1)
        await publish(own_redis, "news", 1)
        await world.has_seqs("a", [1])


async def test_pubsub_of_a_cluster_reaches_us_from_every_server(redis_cluster: RedisCluster) -> None:
    world = RelayWorld()
    redis = RedisConfig(addresses=addresses_of(redis_cluster.addresses), is_cluster=True)
    source = pubsub_source(world, config_of(redis_cluster.servers[0], redis=redis))
    async with world.running(source):
        await eventually(lambda: source.measures()["redis_listening.feed"])
        for seq, server in enumerate(redis_cluster.servers):
            await publish(server, "news", seq)
            await world.has_seqs("a", range(seq + 1))
