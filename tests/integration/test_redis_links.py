"""The engine's own connections on a real server: answers to their callers, bounds, control messages, lapses."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from msgspec import Raw

from hub.clock import SystemClock
from hub.engine import HistoryQuery, PublishOptions
from hub.engines.redis.config import Address, RedisConfig
from hub.engines.redis.engine import open_redis_engine
from hub.engines.redis.failures import LinkFull, LinkLost, ServerError
from hub.engines.redis.keys import Keys
from hub.engines.redis.link import MAX_IN_FLIGHT, Link
from hub.engines.redis.opening import Credentials, open_link
from hub.errors import EngineUnavailable
from hub.protocol.messages import Publication
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.recording_listener import RecordingListener
from tests.support.redis_engines import running_engine, server_config
from tests.support.redis_traffic import number_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.support.redis import RedisServer

KEPT = PublishOptions(history_size=1_000, history_ttl_s=600)


@pytest.fixture
async def link(redis_server: RedisServer) -> AsyncIterator[Link]:
    address = Address(redis_server.host, redis_server.port)
    link = await open_link(address, Credentials(), 5, lambda: Link(SystemClock(), 5))
    yield link
    link.close()


class TestLink:
    async def test_ten_thousand_random_cancellations_give_nobody_another_s_answer(self, link: Link) -> None:
        """Reliability finding R4: a cancelled caller must leave its place in the queue of answers."""
        chance = random.Random(4)
        await asyncio.gather(*(link.call("SET", f"key-{number}", number) for number in range(500)))
        answered = 0

        async def ask(number: int) -> None:
            nonlocal answered
            assert await link.call("GET", f"key-{number}") == b"%d" % number
            answered += 1

        for _ in range(20):
            asking = [asyncio.create_task(ask(chance.randrange(500))) for _ in range(1_000)]
            for _ in range(chance.randrange(4)):
                await asyncio.sleep(0)
            doomed = chance.sample(asking, 500)
            for task in doomed:
                task.cancel()
            for outcome in await asyncio.gather(*asking, return_exceptions=True):
                assert outcome is None or isinstance(outcome, asyncio.CancelledError), outcome
        assert answered >= 10_000
        assert link.in_flight == 0 or await link.call("PING") == b"PONG"

    async def test_answers_come_in_the_order_of_the_calls(self, link: Link) -> None:
        answers = await asyncio.gather(*(link.call("ECHO", number) for number in range(1_000)))
        assert answers == [b"%d" % number for number in range(1_000)]

    async def test_an_error_is_its_caller_s_alone(self, link: Link) -> None:
        good, bad, other = link.call("PING"), link.call("NO-SUCH-COMMAND"), link.call("ECHO", "x")
        assert await good == b"PONG"
        with pytest.raises(ServerError, match="unknown command"):
            await bad
        assert await other == b"x"

    async def test_over_its_bound_it_refuses_at_once(self, link: Link) -> None:
        calls = [link.call("PING") for _ in range(MAX_IN_FLIGHT)]
        with pytest.raises(LinkFull):
            await link.call("PING")
        await asyncio.gather(*calls)
        assert await link.call("PING") == b"PONG"

    async def test_closed_it_fails_what_is_open_and_what_comes(self, link: Link) -> None:
        call = link.call("PING")
        link.close("over")
        with pytest.raises(LinkLost, match="over"):
            await call
        with pytest.raises(LinkLost):
            await link.call("PING")
        assert link.lost.done()

    async def test_an_answer_nobody_asked_for_ends_it(self, link: Link) -> None:
        link.data_received(b"+OK\r\n")
        assert link.is_closed

    async def test_what_is_not_resp_ends_it(self, link: Link) -> None:
        call = link.call("PING")
        link.data_received(b"HTTP/1.1 200 OK\r\n")
        with pytest.raises(LinkLost, match="RESP"):
            await call


class TestOpening:
    async def test_nobody_there_is_said_with_the_address(self) -> None:
        port = free_port()
        with pytest.raises(EngineUnavailable, match=str(port)):
            async with open_redis_engine(
                RedisConfig(addresses=(Address("127.0.0.1", port),)), SystemClock(), node_uid="a"
            ):
                pass

    async def test_subscribing_to_a_server_that_does_not_confirm_fails_in_time(self, own_redis: RedisServer) -> None:
        async with running_engine(server_config(own_redis)) as engine:
            own_redis.pause()
            with pytest.raises(EngineUnavailable):
                await engine.subscribe("news")
            own_redis.resume()
            assert engine.measures()["redis_channels"] == 0
            await eventually(lambda: _can_subscribe(engine.subscribe))


async def _can_subscribe(subscribe: Callable[[str], object]) -> bool:
    try:
        await subscribe("news")  # type: ignore[misc]  # a coroutine
    except EngineUnavailable:
        return False
    return True


class TestControl:
    async def test_what_was_said_before_a_node_came_is_not_for_it(self, redis_server: RedisServer) -> None:
        async with running_engine(server_config(redis_server)) as engine:
            await engine.control(b"early")
        listener = RecordingListener()
        async with running_engine(server_config(redis_server), listener) as engine:
            await engine.control(b"late")
            await listener.until(lambda heard: bool(heard.control_messages))
            assert listener.control_messages == [b"late"]

    async def test_a_stream_that_was_lost_is_noticed_and_gone_on_with(self, redis_server: RedisServer) -> None:
        listener = RecordingListener()
        async with running_engine(server_config(redis_server), listener) as engine:
            await engine.control(b"before")
            await listener.until(lambda heard: len(heard.control_messages) == 1)
            await redis_server.execute("FLUSHALL")
            await redis_server.kill_clients("pubsub")
            await eventually(lambda: engine.measures().get("redis_control_lost", 0) == 1)
            await engine.control(b"after")
            await listener.until(lambda heard: len(heard.control_messages) == 2)
            assert listener.control_messages == [b"before", b"after"]

    async def test_more_than_is_kept_is_counted_as_lost(self, redis_server: RedisServer) -> None:
        listener = RecordingListener()
        config = server_config(redis_server)
        async with running_engine(config, listener) as engine:
            await engine.control(b"before")
            await listener.until(lambda heard: len(heard.control_messages) == 1)
            log = Keys(config.prefix).system("control").log
            await redis_server.execute("XADD", log, "*", "m", "missed", "r", "x")
            await redis_server.execute("XADD", log, "*", "m", "kept", "r", "x")
            await redis_server.execute("XTRIM", log, "MAXLEN", 1)
            await redis_server.kill_clients("pubsub")
            await listener.until(lambda heard: len(heard.control_messages) == 2)
            assert listener.control_messages == [b"before", b"kept"]
            assert engine.measures()["redis_control_lost"] == 1


class SkippingClock(SystemClock):
    """The machine's, and further when the test says so: what a process sees that did not run."""

    def __init__(self) -> None:
        self._skipped_s = 0.0

    def monotonic_s(self) -> float:
        return SystemClock.monotonic_s() + self._skipped_s

    def skip(self, seconds: float) -> None:
        self._skipped_s += seconds


class TestLapse:
    async def test_is_told_before_anything_that_came_meanwhile(self, redis_server: RedisServer) -> None:
        clock, listener = SkippingClock(), LapsingListener()
        async with (
            running_engine(server_config(redis_server), listener, clock=clock, node_lease_s=5) as engine,
            running_engine(server_config(redis_server), node_uid="node-b") as other,
        ):
            await engine.subscribe("news")
            await other.publish("news", Publication(Raw(b"1")), KEPT)
            await listener.until(lambda heard: len(heard.publications) == 1)
            await other.publish("news", Publication(Raw(b"2")), KEPT)  # it is there, and not looked at yet
            clock.skip(6)
            await eventually(lambda: listener.lapses == 1)
            assert listener.heard_before_lapse <= 2
            await eventually(lambda: engine.health().is_connected)
            await eventually(lambda: _is_heard(other, listener))
            assert listener.lapses == 1
            numbers = [number_of(delivery) for delivery in listener.publications]
            assert numbers == sorted(numbers)

    async def test_a_pause_shorter_than_the_lease_is_none(self, redis_server: RedisServer) -> None:
        clock, listener = SkippingClock(), LapsingListener()
        async with running_engine(server_config(redis_server), listener, clock=clock, node_lease_s=60) as engine:
            await engine.subscribe("news")
            clock.skip(30)
            await engine.publish("news", Publication(Raw(b"1")), KEPT)
            await listener.until(lambda heard: len(heard.publications) == 1)
            assert listener.lapses == 0


class LapsingListener(RecordingListener):
    heard_before_lapse = 0

    def on_lapse(self) -> None:
        super().on_lapse()
        self.heard_before_lapse = len(self.publications)


async def _is_heard(other: object, listener: RecordingListener) -> bool:
    await other.publish("news", Publication(Raw(b"3")), KEPT)  # type: ignore[attr-defined]  # an engine
    return number_of(listener.publications[-1]) == 3


class TestDetached:
    async def test_what_was_read_meanwhile_is_where_listening_goes_on(self, redis_server: RedisServer) -> None:
        """Whoever read the position was told that it is served from there."""
        listener = RecordingListener()
        async with running_engine(server_config(redis_server), listener) as engine:
            await engine.subscribe("news")
            await redis_server.kill_clients("pubsub")
            await eventually(lambda: not engine.health().is_connected)
            assert (await engine.history("news", HistoryQuery())).position.offset == 0
            await engine.publish("news", Publication(Raw(b"1")), KEPT)
            await listener.until(lambda heard: len(heard.publications) == 1)
            assert engine.measures()["redis_unkept_doubt"] == 0

    async def test_a_channel_that_was_given_up_is_not_fetched_for(self, redis_server: RedisServer) -> None:
        """It lagged behind when it was given up: that is nobody's business any more."""
        listener = RecordingListener()
        config = server_config(redis_server)
        async with running_engine(config, listener) as engine:
            for channel in ("given up", "kept"):
                await engine.subscribe(channel)
                await engine.history(channel, HistoryQuery())
                keys = Keys(config.prefix).of(channel)
                await redis_server.execute("XADD", keys.log, "1-0", "p", '{"data":1}')
                await redis_server.execute("HSET", keys.meta, "o", 1)
                await engine.history(channel, HistoryQuery())
            await engine.unsubscribe("given up")
            await listener.until(lambda heard: bool(heard.publications))
            assert [delivery.channel for delivery in listener.publications] == ["kept"]


class TestNonsense:
    async def test_a_flood_of_messages_nobody_can_read_is_counted_and_hardly_logged(
        self, redis_server: RedisServer, caplog: pytest.LogCaptureFixture
    ) -> None:
        listener = RecordingListener()
        config = server_config(redis_server)
        async with running_engine(config, listener) as engine:
            await engine.subscribe("news")
            doorbell = Keys(config.prefix).of("news").doorbell
            for _ in range(30):
                await redis_server.execute("PUBLISH", doorbell, "{nonsense")
            await eventually(lambda: engine.measures()["redis_message_failed"] == 30)
            assert sum(record.getMessage() == "redis_message_failed" for record in caplog.records) < 30
            await engine.publish("news", Publication(Raw(b"1")), KEPT)
            await listener.until(lambda heard: len(heard.publications) == 1)

    async def test_as_many_as_there_are_may_be_asked_for_by_any_number(self, redis_server: RedisServer) -> None:
        async with running_engine(server_config(redis_server)) as engine:
            await engine.publish("news", Publication(Raw(b"1")), KEPT)
            assert len((await engine.history("news", HistoryQuery(2**70))).publications) == 1


class TestLagging:
    async def test_a_message_that_does_not_come_is_fetched_when_somebody_reads(self, redis_server: RedisServer) -> None:
        """As if the server had lost it: the entry is in the log, and nobody was told."""
        listener = RecordingListener()
        config = server_config(redis_server)
        async with running_engine(config, listener) as engine:
            await engine.subscribe("news")
            await engine.publish("news", Publication(Raw(b"1")), KEPT)
            await listener.until(lambda heard: len(heard.publications) == 1)
            keys = Keys(config.prefix).of("news")
            await redis_server.execute("XADD", keys.log, "2-0", "p", '{"data":2}')
            await redis_server.execute("HSET", keys.meta, "o", 2)
            assert (await engine.history("news", HistoryQuery())).position.offset == 2
            await listener.until(lambda heard: len(heard.publications) == 2)
            assert [number_of(delivery) for delivery in listener.publications] == [1, 2]
            assert engine.measures()["redis_gaps"] == 1

    async def test_an_entry_that_nobody_can_read_is_a_gap_and_no_more(self, redis_server: RedisServer) -> None:
        listener = RecordingListener()
        config = server_config(redis_server)
        async with running_engine(config, listener) as engine:
            await engine.subscribe("news")
            await engine.publish("news", Publication(Raw(b"1")), KEPT)
            await listener.until(lambda heard: len(heard.publications) == 1)
            keys = Keys(config.prefix).of("news")
            await redis_server.execute("XADD", keys.log, "2-0", "p", "not JSON")
            await redis_server.execute("HSET", keys.meta, "o", 2)
            await engine.publish("news", Publication(Raw(b"3")), KEPT)
            await listener.until(lambda heard: len(heard.publications) == 2)
            assert [delivery.publication.offset for delivery in listener.publications] == [1, 3]
            assert engine.measures()["redis_message_lost"] == 1
            history = await engine.history("news", HistoryQuery(-1))
            assert [one.offset for one in history.publications] == [1, 3]
