"""The source over Redis streams against a real server."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

import pytest

from hub.engines.redis.config import RedisConfig, SentinelConfig
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.redis.dead_letters import RedisDeadLetters
from hub.relay.redis.lease import lease_key
from hub.supervisor import Supervisor
from tests.support.patience import eventually
from tests.support.redis_sentinel import NAME
from tests.support.redis_streams import (
    STREAM,
    add,
    add_seqs,
    addresses_of,
    has_pending,
    num_pending,
    stream_config,
    stream_source,
)
from tests.support.relay_world import RelayWorld

if TYPE_CHECKING:
    from tests.support.redis import RedisServer
    from tests.support.redis_cluster import RedisCluster
    from tests.support.redis_sentinel import SentinelGroup


async def test_entries_arrive_in_order_and_are_acknowledged(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server, batch_size=7)
    source = stream_source(world, config)
    await add_seqs(redis_server, "a", range(20))
    async with world.running(source):
        await add_seqs(redis_server, "a", range(20, 30))
        await world.has_seqs("a", range(30))
        await has_pending(redis_server, 0)
        await eventually(lambda: source.measures()["redis_acknowledged.orders"] == 30)
        assert source.measures()["redis_received.orders"] == 30
        (lag_s,) = source.histograms().values()
        assert lag_s.count == 30
    assert await redis_server.execute("XLEN", STREAM) == 30


async def test_several_streams_are_read_at_once(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server, streams=("one", "two"))
    source = stream_source(world, config)
    async with world.running(source):
        await add_seqs(redis_server, "a", range(3), "one")
        await add_seqs(redis_server, "b", range(3), "two")
        await world.has_seqs("a", range(3))
        await world.has_seqs("b", range(3))


async def test_an_entry_is_a_cloud_event_by_its_fields(redis_server: RedisServer) -> None:
    world = RelayWorld()
    routing = RoutingConfig(routes=(RouteConfig(channels=("{type}",), when={"headers.tenant": ("acme",)}),))
    source = stream_source(world, stream_config(redis_server), routing=routing)
    attributes = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/shop", "ce_type": "paid"}
    envelope = {"specversion": "1.0", "id": "2", "source": "/shop", "type": "refunded", "data": 2}
    async with world.running(source):
        await add(redis_server, b"1", **attributes, tenant="acme")
        await add(redis_server, envelope, content_type="application/cloudevents+json", tenant="acme")
        await eventually(lambda: world.intake.num_accepted == 2)
    assert (await world.bodies("paid"), await world.bodies("refunded")) == ([1], [2])


async def test_nothing_is_acknowledged_before_the_engine_has_accepted_it(redis_server: RedisServer) -> None:
    world = RelayWorld()
    world.engine.gate.clear()
    async with world.running(stream_source(world, stream_config(redis_server))):
        await add_seqs(redis_server, "a", range(3))
        await eventually(lambda: world.engine.num_calls > 0)
        assert await num_pending(redis_server) > 0
    again = stream_source(world, stream_config(redis_server), "node-1 restarted")
    world.engine.gate.set()
    async with world.running(again):
        await world.has_seqs("a", range(3))
        await has_pending(redis_server, 0)


async def test_while_the_engine_gives_no_answer_entries_wait_and_then_come_in_order(redis_server: RedisServer) -> None:
    world = RelayWorld()
    world.engine.is_down = True
    async with world.running(stream_source(world, stream_config(redis_server, batch_size=3))):
        await add_seqs(redis_server, "a", range(10))
        await eventually(lambda: world.intake.num_retries > 1)
        world.engine.is_down = False
        await world.has_seqs("a", range(10))
        await has_pending(redis_server, 0)


async def test_what_was_published_and_not_acknowledged_is_not_published_twice(redis_server: RedisServer) -> None:
    """A node that ends between the two: its successor takes everything over, in order."""
    world, config = RelayWorld(), stream_config(redis_server)
    await add_seqs(redis_server, "a", range(5))
    await redis_server.execute("XGROUP", "CREATE", STREAM, "syncline", "0")
    await redis_server.execute("XREADGROUP", "GROUP", "syncline", "gone", "COUNT", "3", "STREAMS", STREAM, ">")
    source = stream_source(world, config)
    async with world.running(source):
        await world.has_seqs("a", range(5))
        assert source.measures()["redis_taken_over.orders"] == 3
        assert source.measures()["redis_received.orders"] == 2
        await redis_server.execute("XGROUP", "SETID", STREAM, "syncline", "0")
        await add_seqs(redis_server, "a", [5])
        await eventually(lambda: source.measures()["redis_acknowledged.orders"] == 11)
        await world.has_seqs("a", range(6))


async def test_one_node_reads_until_it_leaves_and_the_other_goes_on_at_once(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server)
    first, second = stream_source(world, config, "node-1"), stream_source(world, config, "node-2")
    async with world.running(first):
        await eventually(lambda: first.measures()["redis_active_streams.orders"] == 1)
        async with world.running(second):
            await add_seqs(redis_server, "a", range(5))
            await world.has_seqs("a", range(5))
            assert second.measures()["redis_received.orders"] == 0
            await first.stop_intake()
            await add_seqs(redis_server, "a", range(5, 10))
            await world.has_seqs("a", range(10))
            assert first.measures()["redis_received.orders"] == 5


async def test_a_node_without_the_lease_takes_nothing(redis_server: RedisServer) -> None:
    """It was paused, and another one is at work; what it holds is published by that one."""
    world, config = RelayWorld(), stream_config(redis_server)
    source = stream_source(world, config)
    async with world.running(source):
        await eventually(lambda: source.measures()["redis_active_streams.orders"] == 1)
        await redis_server.execute("SET", lease_key("syncline", "orders", STREAM), "another", "PX", "60000")
        await eventually(lambda: source.measures()["redis_active_streams.orders"] == 0)
        await add_seqs(redis_server, "a", range(3))
        await redis_server.execute("DEL", lease_key("syncline", "orders", STREAM))
        await world.has_seqs("a", range(3))


MEANWHILE = """
redis.call('XADD', KEYS[1], '*', 'payload', ARGV[1])
redis.call('XREADGROUP', 'GROUP', 'syncline', 'another', 'STREAMS', KEYS[1], '>')
redis.call('DEL', KEYS[2])
return redis.call('XADD', KEYS[1], '*', 'payload', ARGV[2])
"""
"""Another node had the lease, read an entry, and is gone: all of it between two steps of ours."""


async def test_a_lease_that_was_lost_meanwhile_is_begun_with_what_was_left_behind(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server)
    source = stream_source(world, config)
    async with world.running(source):
        await add_seqs(redis_server, "a", [0])
        await world.has_seqs("a", [0])
        bodies = [json.dumps({"key": "a", "seq": seq}) for seq in (1, 2)]
        lease = lease_key("syncline", "orders", STREAM)
        await redis_server.execute("EVAL", MEANWHILE, 2, STREAM, lease, *bodies)
        await world.has_seqs("a", range(3))
        assert source.measures()["redis_taken_over.orders"] == 1


async def test_without_a_single_active_consumer_nodes_share_and_take_over_after_a_while(
    redis_server: RedisServer,
) -> None:
    world = RelayWorld()
    config = stream_config(redis_server, single_active_consumer=False, visibility_timeout_s=0.2)
    await add_seqs(redis_server, "a", range(3))
    await redis_server.execute("XGROUP", "CREATE", STREAM, "syncline", "0")
    await redis_server.execute("XREADGROUP", "GROUP", "syncline", "gone", "STREAMS", STREAM, ">")
    async with world.running(stream_source(world, config, "node-1"), stream_source(world, config, "node-2")):
        await add_seqs(redis_server, "b", range(10))
        await has_pending(redis_server, 0)
        await eventually(lambda: world.intake.num_accepted >= 13)
    assert sorted(await world.seqs("a")) == [0, 1, 2]
    assert sorted(await world.seqs("b")) == list(range(10))


async def test_what_is_rejected_goes_to_the_dead_letters_and_the_rest_goes_on(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server)
    letters = RedisDeadLetters(config, world.clock)
    source = stream_source(world, config)
    async with world.running(source):
        await add_seqs(redis_server, "a", [0])
        await add(redis_server, b"{", tenant="acme")
        await add(redis_server, {"seq": 1})
        await redis_server.execute("XADD", STREAM, "*", "other", "1")
        await add_seqs(redis_server, "a", [2])
        await world.has_seqs("a", [0, 2])
        await has_pending(redis_server, 0)
        await eventually(lambda: source.measures()["redis_dead_letters.orders"] == 3)

        malformed, channelless, payloadless = await letters.list(10)
        assert (malformed.reason, malformed.body, malformed.headers) == ("malformed", b"{", {"tenant": "acme"})
        assert (malformed.subject, malformed.attempts) == (STREAM, 1)
        assert malformed.dead_since_ms > 0
        assert (channelless.reason, "data.key: is missing" in channelless.detail) == ("bad_channel", True)
        assert (payloadless.reason, payloadless.body, payloadless.headers) == ("malformed", b"", {"other": "1"})
        assert [letter.id for letter in await letters.list(1)] == [malformed.id]

        assert await letters.remove([malformed.id]) == 1
        assert await letters.replay([channelless.id]) == 1
        await eventually(lambda: source.measures()["redis_dead_letters.orders"] == 4)
        assert [letter.reason for letter in await letters.list(10)] == ["malformed", "bad_channel"]
        assert await letters.remove(None) == 2
        assert await letters.list(10) == []
    await letters.close()


async def test_a_router_that_fails_makes_a_dead_letter_and_the_rest_goes_on(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As of RabbitMQ's queues: what makes our own code fail must not hold up the stream for ever."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    world = RelayWorld()
    source = stream_source(world, stream_config(redis_server))
    async with world.running(source):
        with monkeypatch.context() as patch:
            patch.setattr("hub.relay.routing.Router.route", broken)
            await add_seqs(redis_server, "a", [1])
            await eventually(lambda: source.measures()["redis_dead_letters.orders"] == 1)
        await add_seqs(redis_server, "a", [2])
        await world.has_seqs("a", [2])
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["redis_routing_failed"]
    caplog.clear()


async def test_a_replayed_letter_is_published_once_however_often_it_comes(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server)
    letters = RedisDeadLetters(config, world.clock)
    fields = ("payload", json.dumps({"key": "a", "seq": 1}), "x-syncline-stream", STREAM, "x-syncline-id", "1-1")
    source = stream_source(world, config)
    async with world.running(source):
        for _ in range(2):
            await redis_server.execute("XADD", f"{STREAM}.dead", "*", *fields)
            assert await letters.replay(None) == 1
        await eventually(lambda: source.measures()["redis_acknowledged.orders"] == 2)
        await world.has_seqs("a", [1])
        assert world.hub.counters.publications_suppressed == 1
    await letters.close()


async def test_what_was_delivered_too_often_is_a_dead_letter(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server, delivery_limit=3)
    await add_seqs(redis_server, "a", range(2))
    await redis_server.execute("XGROUP", "CREATE", STREAM, "syncline", "0")
    answer = await redis_server.execute("XREADGROUP", "GROUP", "syncline", "gone", "COUNT", "1", "STREAMS", STREAM, ">")
    (first, *_) = [
        entry_id
        for pages in (answer.values() if isinstance(answer, dict) else [answer[0][1]])
        for entry_id in _ids(pages)
    ]
    await redis_server.execute("XCLAIM", STREAM, "syncline", "gone", "0", first, "RETRYCOUNT", "3")
    source = stream_source(world, config)
    async with world.running(source):
        await world.has_seqs("a", [1])
        await has_pending(redis_server, 0)
        letters = RedisDeadLetters(config, world.clock)
        (letter,) = await letters.list(10)
        assert (letter.reason, letter.attempts) == ("delivery_limit", 4)
        await letters.close()


def _ids(pages: object) -> list[str]:
    """Of an answer to XREADGROUP, whichever protocol it came in."""
    found: list[str] = []
    if isinstance(pages, str):
        found.append(pages)
    elif isinstance(pages, list | tuple):
        for page in pages:
            found += _ids(page)
    return found


async def test_dead_letters_are_bounded_and_what_goes_is_counted(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server, dead_letter_max_length=3, batch_size=1)
    source = stream_source(world, config)
    async with world.running(source):
        for _ in range(5):
            await add(redis_server, b"{")
        await eventually(lambda: source.measures()["redis_dead_letters.orders"] == 5)
        assert await redis_server.execute("XLEN", f"{STREAM}.dead") == 3
        assert source.measures()["redis_dead_letters_trimmed.orders"] == 2


async def test_acknowledged_entries_may_be_taken_out_of_the_stream(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server, delete_acknowledged=True)
    async with world.running(stream_source(world, config)):
        await add_seqs(redis_server, "a", range(3))
        await world.has_seqs("a", range(3))

        async def is_empty() -> bool:
            return bool(await redis_server.execute("XLEN", STREAM) == 0)

        await eventually(is_empty)


async def test_entries_deleted_before_they_were_acknowledged_are_counted(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server)
    await add_seqs(redis_server, "a", range(3))
    await redis_server.execute("XGROUP", "CREATE", STREAM, "syncline", "0")
    await redis_server.execute("XREADGROUP", "GROUP", "syncline", "gone", "STREAMS", STREAM, ">")
    await redis_server.execute("XTRIM", STREAM, "MAXLEN", "2")
    source = stream_source(world, config)
    async with world.running(source):
        await world.has_seqs("a", [1, 2])
        assert source.measures()["redis_deleted.orders"] == 1


async def test_a_drain_finishes_what_is_in_flight_and_takes_nothing_new(redis_server: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(redis_server)
    source = stream_source(world, config)
    async with world.running(source):
        world.engine.gate.clear()
        await add_seqs(redis_server, "a", [0])
        await eventually(lambda: world.engine.num_calls > 0)
        async with asyncio.TaskGroup() as group:
            group.create_task(source.stop_intake())
            await asyncio.sleep(0)
            await add_seqs(redis_server, "a", [1])
            world.engine.gate.set()
        assert await world.seqs("a") == [0]
        assert await num_pending(redis_server) == 0


async def test_it_says_what_it_waits_for(own_redis: RedisServer) -> None:
    world, config = RelayWorld(), stream_config(own_redis)
    source = stream_source(world, config)
    assert not source.health().is_attached
    async with world.running(source):
        own_redis.stop()
        await eventually(lambda: not source.health().is_attached)
        assert source.health().detail
        own_redis.start()
        await own_redis.ready()
        await eventually(lambda: source.health().is_attached)
        await add_seqs(own_redis, "a", range(3))
        await world.has_seqs("a", range(3))


async def test_streams_of_a_cluster(redis_cluster: RedisCluster) -> None:
    world = RelayWorld()
    redis = RedisConfig(addresses=addresses_of(redis_cluster.addresses), is_cluster=True)
    streams = ("one", "two", "three")
    config = stream_config(redis_cluster.servers[0], redis=redis, streams=streams)
    source = stream_source(world, config)
    async with world.running(source):
        for stream in streams:
            server = await redis_cluster.primary_of(await redis_cluster.slot_of(stream))
            await add_seqs(server, stream, range(3), stream)
            await world.has_seqs(stream, range(3))


async def test_f16_a_failover_in_the_middle(own_redis_sentinel: SentinelGroup) -> None:
    world, group = RelayWorld(), own_redis_sentinel
    old = await group.primary()
    redis = RedisConfig(sentinel=SentinelConfig(addresses=addresses_of(group.sentinel_addresses), master_name=NAME))
    source = stream_source(world, stream_config(old, redis=redis))
    async with world.running(source):
        await add_seqs(old, "a", range(3))
        await world.has_seqs("a", range(3))
        new = await group.fail_over()
        await add_seqs(new, "a", range(3, 6))
        await world.has_seqs("a", range(6))


@pytest.mark.parametrize("is_alone", [True, False])
async def test_no_server_at_the_start_is_no_failure(own_redis: RedisServer, *, is_alone: bool) -> None:
    own_redis.stop()
    world = RelayWorld()
    config = stream_config(own_redis, single_active_consumer=is_alone)
    source = stream_source(world, config)
    async with Supervisor() as supervisor:
        supervisor.start("source", source.run())
        await eventually(lambda: source.measures()["redis_lost_links.orders"] > 0)
        own_redis.start()
        await own_redis.ready()
        await add_seqs(own_redis, "a", range(3))
        await world.has_seqs("a", range(3))
