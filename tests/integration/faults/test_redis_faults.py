"""Fault matrix rows F11 to F15, F17 and F18: one Redis server and what can happen to it and to the way there.

Whatever was acknowledged arrives, in order, or the epoch is over and everybody can see that.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import pytest
from msgspec import Raw

from hub.engine import HistoryQuery, NodeInfo, PublishOptions
from hub.engines.redis.keys import Keys
from hub.errors import EngineUnavailable
from hub.protocol.messages import Publication, StreamPosition
from tests.lab.fault_proxy import Direction, fault_proxy_to, sent
from tests.lab.toxics import Bandwidth, CorruptByte, Latency, Slicer
from tests.support.patience import TIME_SCALE, eventually
from tests.support.recording_listener import RecordingListener
from tests.support.redis_engines import IO_TIMEOUT_S, running_engine, server_config
from tests.support.redis_traffic import Traffic, dishonesties, flowing, heard_all, losses, number_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.engines.redis.engine import RedisEngine
    from tests.lab.fault_proxy import FaultProxy
    from tests.support.redis import RedisServer

CHANNEL = "news"
KEPT = PublishOptions(history_size=100, history_ttl_s=600)
UNKEPT = PublishOptions()


class World(NamedTuple):
    engine: RedisEngine
    listener: RecordingListener
    proxy: FaultProxy


@asynccontextmanager
async def world_on(server: RedisServer) -> AsyncIterator[World]:
    """An engine behind a proxy, subscribed to CHANNEL."""
    listener = RecordingListener()
    async with (
        fault_proxy_to(server.port) as proxy,
        running_engine(server_config(server, port=proxy.port), listener) as engine,
    ):
        await engine.subscribe(CHANNEL)
        yield World(engine, listener, proxy)


is_listening = sent(b"$9\r\nsubscribe\r\n")
"""Which connection of the two it is."""


async def publish(engine: RedisEngine, data: object, options: PublishOptions = KEPT) -> StreamPosition | None:
    return (await engine.publish(CHANNEL, Publication(Raw(str(data).encode())), options)).position


async def numbers_kept(engine: RedisEngine) -> list[int]:
    return [int(bytes(kept.data or b"")) for kept in (await engine.history(CHANNEL, HistoryQuery(-1))).publications]


async def is_refused(engine: RedisEngine) -> bool:
    try:
        await publish(engine, 0)
    except EngineUnavailable:
        return True
    return False


# --- F11: killed ------------------------------------------------------------------------------------------------------


async def test_f11_a_killed_server_that_forgets_comes_back(own_redis: RedisServer) -> None:
    async with world_on(own_redis) as world:
        traffic = Traffic(world.engine, CHANNEL)
        async with flowing(traffic):
            own_redis.kill()
            await eventually(lambda: traffic.refusals > 0)
            own_redis.start()
            await traffic.until_acknowledged(20)
        await heard_all(world.listener, traffic, dishonesties)
        assert traffic.acknowledged[1].epoch != (await traffic.publish()).epoch


async def test_f11_a_killed_server_that_remembers_loses_nothing(durable_redis: RedisServer) -> None:
    """The epoch is another one all the same: nobody can know that nothing was lost. History goes on."""
    async with world_on(durable_redis) as world:
        traffic = Traffic(world.engine, CHANNEL)
        async with flowing(traffic):
            durable_redis.kill()
            await eventually(lambda: traffic.refusals > 0)
            durable_redis.start()
            await traffic.until_acknowledged(20)
        await heard_all(world.listener, traffic, losses)
        assert set(traffic.acknowledged) <= set(await numbers_kept(world.engine))
        assert traffic.acknowledged[1].epoch != (await traffic.publish()).epoch


async def test_f11_while_it_is_gone_calls_fail_at_once(own_redis: RedisServer) -> None:
    async with world_on(own_redis) as world:
        own_redis.kill()
        await eventually(lambda: is_refused(world.engine))
        await eventually(lambda: not world.engine.health().is_connected)
        started_s = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - started_s < IO_TIMEOUT_S:
            await is_refused(world.engine)  # those of the first two seconds wait for it to come back
        calls = [is_refused(world.engine) for _ in range(1_000)]
        async with asyncio.timeout(IO_TIMEOUT_S):  # a thousand that wait in turn would take half an hour
            assert [await call for call in calls] == [True] * 1_000


async def test_f11_nodes_presence_and_control_come_back(own_redis: RedisServer) -> None:
    async with world_on(own_redis) as world:
        engine, listener, _ = world
        await engine.control(b"before")
        await listener.until(lambda heard: heard.control_messages == [b"before"])
        own_redis.kill()
        own_redis.start()
        await eventually(lambda: _can_announce(engine))
        assert [node.uid for node in await engine.nodes()] == ["node-a"]
        await engine.control(b"after")
        await listener.until(lambda heard: heard.control_messages == [b"before", b"after"])
        await engine.control(b"alone", node="node-a")
        await eventually(lambda: b"alone" in listener.control_messages)


async def _can_announce(engine: RedisEngine) -> bool:
    try:
        await engine.announce(NodeInfo(uid="node-a", name="a"))
    except EngineUnavailable:
        return False
    return engine.health().is_connected


async def test_f11_promoted_again_without_a_restart_it_is_another_life(own_redis: RedisServer) -> None:
    """As a replica it may have lost what it had acknowledged. No connection ends, nobody publishes meanwhile."""
    async with world_on(own_redis) as world:
        before = await publish(world.engine, 1)
        assert before is not None
        await own_redis.execute("REPLICAOF", "127.0.0.1", "1")
        await own_redis.execute("REPLICAOF", "NO", "ONE")
        after = await eventually(lambda: _published_in_another_epoch(world.engine, before.epoch))
        assert before.offset < after.offset


async def _published_in_another_epoch(engine: RedisEngine, epoch: str) -> StreamPosition:
    position = await _published(engine, 2)
    assert position.epoch != epoch
    return position


# --- F12: frozen ------------------------------------------------------------------------------------------------------


async def test_f12_a_frozen_server_costs_a_call_two_seconds(own_redis: RedisServer) -> None:
    async with world_on(own_redis) as world:
        await publish(world.engine, 1)
        own_redis.pause()
        try:
            async with asyncio.timeout(IO_TIMEOUT_S + 0.5 * TIME_SCALE):
                refused = await asyncio.gather(*(is_refused(world.engine) for _ in range(200)))
            assert all(refused)
            await eventually(lambda: world.engine.health().answer_age_s > IO_TIMEOUT_S)
        finally:
            own_redis.resume()
        await eventually(lambda: world.engine.health().is_connected)
        await publish(world.engine, 2, KEPT)
        await world.listener.until(lambda heard: bool(heard.publications) and number_of(heard.publications[-1]) == 2)


async def test_f12_what_was_published_by_others_meanwhile_is_read_from_the_stream(own_redis: RedisServer) -> None:
    """Frozen on this node's way only: the other one goes on."""
    async with world_on(own_redis) as world, running_engine(server_config(own_redis), node_uid="node-b") as other:
        await publish(other, 0)
        await world.listener.until(lambda heard: len(heard.publications) == 1)
        world.proxy.blackhole()
        traffic = [await publish(other, number) for number in range(1, 21)]
        await eventually(lambda: world.engine.health().canary_age_s > IO_TIMEOUT_S)
        assert len(world.listener.publications) == 1
        world.proxy.mend()
        await world.listener.until(lambda heard: len(heard.publications) == 21)
        assert [delivery.position for delivery in world.listener.publications[1:]] == traffic


# --- F13: the pub/sub connection alone --------------------------------------------------------------------------------


async def test_f13_publications_while_nobody_listens_are_read_from_the_stream(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        traffic = Traffic(world.engine, CHANNEL)
        async with flowing(traffic):
            for _ in range(5):
                await redis_server.kill_clients("pubsub")
                await traffic.until_acknowledged(20)
        await heard_all(world.listener, traffic, losses)
        assert traffic.refusals == 0
        assert len({position.epoch for position in traffic.acknowledged.values()}) == 1


async def test_f13_the_last_publication_before_silence_is_not_missed(redis_server: RedisServer) -> None:
    """No later one shows the gap: the doubt alone has to be enough."""
    async with world_on(redis_server) as world:
        await publish(world.engine, 1)
        await world.listener.until(lambda heard: len(heard.publications) == 1)
        async with running_engine(server_config(redis_server), node_uid="node-b") as other:
            await world.proxy.refuse()
            await redis_server.kill_clients("pubsub")
            await eventually(lambda: other.health().is_connected)
            await publish(other, 2)
            await world.proxy.heal()
            await world.listener.until(lambda heard: len(heard.publications) == 2)
        assert [number_of(delivery) for delivery in world.listener.publications] == [1, 2]


async def test_f13_a_dead_connection_that_looks_open_is_replaced(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        await publish(world.engine, 1)
        await world.listener.until(lambda heard: len(heard.publications) == 1)
        world.proxy.half_open(Direction.DOWN, is_listening)
        await publish(world.engine, 2)
        await eventually(lambda: world.engine.measures().get("redis_canary_lost", 0) > 0)
        world.proxy.mend()
        await world.listener.until(lambda heard: len(heard.publications) == 2)
        assert [number_of(delivery) for delivery in world.listener.publications] == [1, 2]


async def test_f13_messages_without_history_are_lost_and_counted(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        await publish(world.engine, 1, UNKEPT)
        await world.listener.until(lambda heard: len(heard.publications) == 1)
        world.proxy.reset(is_listening)
        await eventually(lambda: world.engine.measures()["redis_unkept_doubt"] >= 1)
        await publish(world.engine, 2, UNKEPT)
        await world.listener.until(lambda heard: number_of(heard.publications[-1]) == 2)


async def test_f13_control_messages_are_heard_once_and_in_order(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        messages = [b"%d" % number for number in range(200)]
        for number, message in enumerate(messages):
            if number % 50 == 25:
                world.proxy.reset(is_listening)
            await world.engine.control(message)
        await world.listener.until(lambda heard: len(heard.control_messages) >= len(messages))
        assert world.listener.control_messages == messages


async def test_f13_many_channels_are_listened_to_again(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        names = [f"channel-{number}" for number in range(2_000)]
        await asyncio.gather(*(world.engine.subscribe(name) for name in names))
        await asyncio.gather(*(world.engine.publish(name, Publication(Raw(b"1")), KEPT) for name in names))
        await world.listener.until(lambda heard: len(heard.publications) == len(names))
        world.proxy.reset(is_listening)
        await asyncio.gather(*(world.engine.publish(name, Publication(Raw(b"2")), KEPT) for name in names))
        await world.listener.until(lambda heard: len(heard.publications) == 2 * len(names))
        by_channel: dict[str, list[int]] = {}
        for delivery in world.listener.publications:
            by_channel.setdefault(delivery.channel, []).append(delivery.publication.offset)
        assert all(by_channel[name] == [1, 2] for name in names)


# --- F14: carried out, and the answer lost ----------------------------------------------------------------------------


@pytest.mark.parametrize("options", [KEPT, UNKEPT], ids=["kept", "unkept"])
async def test_f14_a_publication_whose_answer_is_lost_is_published_once(
    redis_server: RedisServer, options: PublishOptions
) -> None:
    async with world_on(redis_server) as world:
        happened = world.proxy.cut_reply_once(b"the one")
        await publish(world.engine, '"the one"', options)
        assert happened.is_set()
        assert world.engine.measures()["redis_resent"] == 1
        await publish(world.engine, '"the next"', options)
        await world.listener.until(lambda heard: bytes(heard.publications[-1].publication.data or b"") == b'"the next"')
        heard = [bytes(delivery.publication.data or b"") for delivery in world.listener.publications]
        assert heard == [b'"the one"', b'"the next"']


async def test_f14_a_batch_whose_answer_is_lost_is_published_once(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        happened = world.proxy.cut_reply_once(b'{"data":31}')
        entries = [(Publication(Raw(b"%d" % number)), KEPT) for number in range(60)]
        outcomes = await world.engine.publish_many(CHANNEL, entries)
        assert happened.is_set()
        assert [outcome.position and outcome.position.offset for outcome in outcomes] == list(range(1, 61))
        assert await numbers_kept(world.engine) == list(range(60))


async def test_f14_under_the_caller_s_own_key_a_retry_finds_it_done(redis_server: RedisServer) -> None:
    keyed = PublishOptions(history_size=100, history_ttl_s=600, idempotency_key="mine")
    async with world_on(redis_server) as world:
        for _ in range(3):
            world.proxy.cut_reply_once(b"mine")
            await publish(world.engine, 7, keyed)
        assert await numbers_kept(world.engine) == [7]


async def test_f14_a_control_message_whose_answer_is_lost_is_not_sent_twice(redis_server: RedisServer) -> None:
    """No key protects it: its sender is told that it may or may not have been sent."""
    async with world_on(redis_server) as world:
        world.proxy.cut_reply_once(b"the one")
        with pytest.raises(EngineUnavailable):
            await world.engine.control(b"the one")
        await eventually(lambda: world.engine.health().is_connected)
        await world.engine.control(b"the next")
        await world.listener.until(lambda heard: b"the next" in heard.control_messages)
        assert world.listener.control_messages == [b"the one", b"the next"]


# --- F15: everything or something forgotten ---------------------------------------------------------------------------


async def test_f15_after_flushall_the_epoch_is_another_one(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        before = [await publish(world.engine, number) for number in range(5)][-1]
        await redis_server.execute("FLUSHALL")
        after = await publish(world.engine, 5)
        assert before is not None
        assert after is not None
        assert (after.offset, after.epoch != before.epoch) == (1, True)
        await world.listener.until(lambda heard: len(heard.publications) == 6)
        assert world.listener.publications[-1].position == after


async def test_f15_flushed_while_nobody_listened(redis_server: RedisServer) -> None:
    """What the new epoch has is handed over from its beginning."""
    async with world_on(redis_server) as world, running_engine(server_config(redis_server), node_uid="node-b") as other:
        await asyncio.gather(*(publish(other, number) for number in range(5)))
        await world.listener.until(lambda heard: len(heard.publications) == 5)
        await world.proxy.refuse()
        world.proxy.reset()
        await redis_server.execute("FLUSHALL")
        after = [await publish(other, number) for number in (5, 6)]
        await world.proxy.heal()
        await world.listener.until(lambda heard: len(heard.publications) == 7)
        assert [delivery.position for delivery in world.listener.publications[5:]] == after


async def test_f15_a_restart_that_forgets_starts_new_epochs(own_redis: RedisServer) -> None:
    async with world_on(own_redis) as world:
        before = await publish(world.engine, 1)
        await own_redis.restart()
        after = await eventually(lambda: _published(world.engine, 2))
        assert before is not None
        assert after.epoch != before.epoch
        await world.listener.until(lambda heard: number_of(heard.publications[-1]) == 2)


async def _published(engine: RedisEngine, data: int) -> StreamPosition:
    """For `eventually`: not yet, while it is refused."""
    try:
        position = await publish(engine, data)
    except EngineUnavailable as exc:
        raise AssertionError("refused") from exc
    assert position is not None
    return position


@pytest.mark.parametrize("evicted", ["log", "meta"])
async def test_f15_a_key_that_was_evicted_is_missed_honestly(redis_server: RedisServer, evicted: str) -> None:
    """Without its log a channel has a position and no history; without its meta it starts over."""
    async with world_on(redis_server) as world:
        before = [await publish(world.engine, number) for number in range(3)][-1]
        assert before is not None
        keys = Keys(server_config(redis_server).prefix).of(CHANNEL)
        await redis_server.execute("DEL", getattr(keys, evicted))
        history = await world.engine.history(CHANNEL, HistoryQuery(-1))
        assert history.publications == []
        after = await publish(world.engine, 3)
        assert after is not None
        if evicted == "log":
            assert (history.position, after) == (before, StreamPosition(before.offset + 1, before.epoch))
        else:
            assert (history.position.offset, after.offset) == (0, 1)
            assert before.epoch not in (history.position.epoch, after.epoch)
        assert await numbers_kept(world.engine) == [3]


async def test_f15_out_of_memory_is_refused_and_nothing_is_half_done(own_redis: RedisServer) -> None:
    async with world_on(own_redis) as world:
        await publish(world.engine, 1)
        await own_redis.configure("maxmemory", "1")
        assert await is_refused(world.engine)
        await own_redis.configure("maxmemory", "0")
        position = await publish(world.engine, 2)
        assert position is not None
        assert position.offset == 2
        assert await numbers_kept(world.engine) == [1, 2]


async def test_f15_forgotten_scripts_are_loaded_again_without_a_swap(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        deep = PublishOptions(history_size=10_000, history_ttl_s=600)
        publishing = [asyncio.create_task(publish(world.engine, number, deep)) for number in range(500)]
        await redis_server.execute("SCRIPT", "FLUSH")
        await asyncio.gather(*publishing)
        await redis_server.execute("SCRIPT", "FLUSH")
        await asyncio.gather(*(publish(world.engine, number, deep) for number in range(500, 1_000)))
        assert await numbers_kept(world.engine) == list(range(1_000))


# --- F17: slow --------------------------------------------------------------------------------------------------------


async def test_f17_a_server_that_sleeps_fails_calls_in_time_and_is_used_again(own_redis: RedisServer) -> None:
    async with world_on(own_redis) as world:
        await publish(world.engine, 1)
        sleeping = asyncio.create_task(_sleep_in(own_redis, IO_TIMEOUT_S + 1))
        await eventually(lambda: _is_asleep(world.engine))
        await sleeping
        position = await eventually(lambda: _published(world.engine, 2))
        await world.listener.until(lambda heard: heard.publications[-1].position == position)
        first = world.listener.publications[0].position
        assert first is not None
        assert position.epoch == first.epoch


async def _sleep_in(server: RedisServer, seconds: float) -> None:
    await server.execute("DEBUG", "SLEEP", seconds)


async def _is_asleep(engine: RedisEngine) -> bool:
    async with asyncio.timeout(IO_TIMEOUT_S + TIME_SCALE):
        return await is_refused(engine)


async def test_f17_a_hundred_milliseconds_are_no_reason_to_fail(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        remove = world.proxy.add(Latency(0.1, 0.05))
        deep = PublishOptions(history_size=10_000, history_ttl_s=600)
        positions = await asyncio.gather(*(publish(world.engine, number, deep) for number in range(200)))
        await world.listener.until(lambda heard: len(heard.publications) == 200)
        assert [delivery.position for delivery in world.listener.publications] == positions
        assert world.engine.health().is_connected
        remove()


async def test_f17_links_that_are_cut_come_back_over_a_hundred_milliseconds(redis_server: RedisServer) -> None:
    """What a new link has to be told goes in few round trips: `connect_timeout_s` is for all of it."""
    async with world_on(redis_server) as world:
        remove = world.proxy.add(Latency(0.1))
        world.proxy.reset()
        await eventually(lambda: not world.engine.health().is_connected)
        await eventually(lambda: world.engine.health().is_connected)
        await eventually(lambda: _published(world.engine, 1))
        remove()


async def test_f17_through_a_narrow_way_calls_fail_in_time_or_arrive(redis_server: RedisServer) -> None:
    """10 KB a second: what does not get through in time is refused, nothing waits longer, and it heals by itself."""
    async with world_on(redis_server) as world:
        remove = world.proxy.add(Bandwidth(10_000), Direction.UP)
        body = '"' + "x" * 2_000 + '"'
        async with asyncio.timeout(2 * IO_TIMEOUT_S + TIME_SCALE):
            refused = await asyncio.gather(*(_is_refused(world.engine, body) for _ in range(50)))
        assert any(refused)
        remove()
        world.proxy.reset()
        await eventually(lambda: _published(world.engine, 1))


async def _is_refused(engine: RedisEngine, body: str) -> bool:
    try:
        await publish(engine, body)
    except EngineUnavailable:
        return True
    return False


async def test_f17_bytes_in_crumbs_are_put_together(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        remove = world.proxy.add(Slicer(1, 7))
        for number in range(50):
            await publish(world.engine, number)
        await world.listener.until(lambda heard: len(heard.publications) == 50)
        assert [number_of(delivery) for delivery in world.listener.publications] == list(range(50))
        remove()


# --- F18: the server throws the subscriber out ------------------------------------------------------------------------


async def test_f18_a_subscriber_over_its_output_buffer_reads_what_it_was_not_sent(own_redis: RedisServer) -> None:
    await own_redis.configure("client-output-buffer-limit", "pubsub 100kb 100kb 1")
    async with world_on(own_redis) as world:
        body = '"' + "x" * 300_000 + '"'
        for number in range(3):
            await publish(world.engine, number)
            await publish(world.engine, body)
        await world.listener.until(lambda heard: len(heard.publications) == 6)
        offsets = [delivery.publication.offset for delivery in world.listener.publications]
        assert offsets == [1, 2, 3, 4, 5, 6]
        assert world.engine.measures()["redis_fetched"] >= 3


# --- and a way that changes bytes -------------------------------------------------------------------------------------


async def test_f17_nonsense_on_the_way_ends_connections_and_nothing_else(redis_server: RedisServer) -> None:
    async with world_on(redis_server) as world:
        await publish(world.engine, 0)
        remove = world.proxy.add(CorruptByte(chance=0.3, limit=20), Direction.DOWN)
        for number in range(1, 40):
            with suppress(EngineUnavailable, ValueError, TypeError):  # what was changed may be anything
                await publish(world.engine, number)
        remove()
        world.proxy.reset()
        await eventually(lambda: _published(world.engine, 20))
        await eventually(lambda: world.engine.health().is_connected)
        await world.engine.control(b"heard")
        await world.listener.until(lambda heard: b"heard" in heard.control_messages)
