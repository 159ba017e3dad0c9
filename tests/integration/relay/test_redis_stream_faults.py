"""The source over Redis streams while its server fails: everything once, in order, however it comes about."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.relay.redis.dead_letters import RedisDeadLetters
from tests.lab.fault_proxy import fault_proxy_to
from tests.support.patience import eventually
from tests.support.redis_streams import add, add_seqs, has_pending, stream_config, stream_source
from tests.support.relay_world import RelayWorld

if TYPE_CHECKING:
    from tests.support.redis import RedisServer


async def test_f11_a_killed_server_comes_back_with_everything(durable_redis: RedisServer) -> None:
    world = RelayWorld()
    source = stream_source(world, stream_config(durable_redis))
    async with world.running(source):
        await add_seqs(durable_redis, "a", range(10))
        await world.has_seqs("a", range(10))
        durable_redis.kill()
        await eventually(lambda: not source.health().is_attached)
        durable_redis.start()
        await durable_redis.ready()
        await add_seqs(durable_redis, "a", range(10, 20))
        await world.has_seqs("a", range(20))
        await has_pending(durable_redis, 0)


async def test_f12_a_frozen_server_is_noticed_and_goes_on_after(own_redis: RedisServer) -> None:
    world = RelayWorld()
    source = stream_source(world, stream_config(own_redis))
    async with world.running(source):
        await add_seqs(own_redis, "a", range(3))
        await world.has_seqs("a", range(3))
        own_redis.pause()
        await eventually(lambda: not source.health().is_attached)
        own_redis.resume()
        await add_seqs(own_redis, "a", range(3, 6))
        await world.has_seqs("a", range(6))


@pytest.mark.parametrize("command", [b"XREADGROUP", b"XACK", b"XAUTOCLAIM"])
async def test_f14_a_reply_that_is_lost_loses_and_doubles_nothing(redis_server: RedisServer, command: bytes) -> None:
    """After XREADGROUP the entries are ours and we do not know them; after XACK they are not, and we think they are."""
    world = RelayWorld()
    async with fault_proxy_to(redis_server.port) as proxy:
        source = stream_source(world, stream_config(redis_server, proxy.port))
        async with world.running(source):
            await add_seqs(redis_server, "a", range(3))
            await world.has_seqs("a", range(3))
            happened = proxy.cut_reply_once(command)
            if command == b"XAUTOCLAIM":
                proxy.reset()
            await add_seqs(redis_server, "a", range(3, 6))
            async with asyncio.timeout(10):
                await happened.wait()
            await add_seqs(redis_server, "a", range(6, 9))
            await world.has_seqs("a", range(9))
            await has_pending(redis_server, 0)


async def test_f14_a_dead_letter_whose_reply_is_lost_is_there(redis_server: RedisServer) -> None:
    world = RelayWorld()
    async with fault_proxy_to(redis_server.port) as proxy:
        config = stream_config(redis_server, proxy.port)
        async with world.running(stream_source(world, config)):
            happened = proxy.cut_reply_once(b"XADD")
            await add(redis_server, b"{")
            async with asyncio.timeout(10):
                await happened.wait()
            await has_pending(redis_server, 0)
    letters = RedisDeadLetters(stream_config(redis_server), world.clock)
    assert {letter.body for letter in await letters.list(10)} == {b"{"}  # twice, perhaps: at least once
    await letters.close()


async def test_f15_after_flushall_the_group_is_made_anew(redis_server: RedisServer) -> None:
    world = RelayWorld()
    source = stream_source(world, stream_config(redis_server))
    async with world.running(source):
        await add_seqs(redis_server, "a", range(3))
        await world.has_seqs("a", range(3))
        await redis_server.execute("FLUSHALL")
        await add_seqs(redis_server, "a", range(3, 6))
        await world.has_seqs("a", range(6))


async def test_f37_a_node_cut_off_is_replaced_and_publishes_nothing_twice_when_it_returns(
    redis_server: RedisServer,
) -> None:
    """The first node has read entries and stands still in the engine; the second takes them over; then both go on."""
    world = RelayWorld()
    async with fault_proxy_to(redis_server.port) as proxy:
        first = stream_source(world, stream_config(redis_server, proxy.port), "node-1")
        async with world.running(first):
            await eventually(lambda: first.measures()["redis_active_streams.orders"] == 1)
            world.engine.gate.clear()
            await add_seqs(redis_server, "a", range(5))
            await eventually(lambda: world.engine.num_calls > 0)
            proxy.blackhole()
            second = stream_source(world, stream_config(redis_server), "node-2")
            async with world.running(second):
                await eventually(lambda: second.measures()["redis_taken_over.orders"] > 0)
                await add_seqs(redis_server, "a", range(5, 10))
                world.engine.gate.set()
                proxy.mend()
                await world.has_seqs("a", range(10))
                await has_pending(redis_server, 0)
    assert await world.seqs("a") == list(range(10))


async def test_lost_connections_are_told_and_not_shouted(
    redis_server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    world = RelayWorld()
    async with fault_proxy_to(redis_server.port) as proxy:
        source = stream_source(world, stream_config(redis_server, proxy.port))
        async with world.running(source):
            proxy.cut()
            await eventually(lambda: source.measures()["redis_lost_links.orders"] >= 3)
            assert not source.health().is_attached
            proxy.mend()
            await eventually(lambda: source.health().is_attached)
    lines = [record for record in caplog.records if record.message == "redis_consumer_lost"]
    assert 0 < len(lines) <= source.measures()["redis_lost_links.orders"]
