"""RabbitMQ fails: rows F19 to F28 of the fault matrix, against a real broker.

What a broker has confirmed is published, once and in order, as soon as it is back; nothing else is ever acknowledged.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiormq
import pytest

from hub.clock import SystemClock
from hub.relay.rabbitmq.config import RabbitConnectionConfig
from hub.relay.rabbitmq.dead_letters import RabbitDeadLetters
from hub.relay.rabbitmq.failures import BLOCKED, LOST, NACKED, RETURNED, TIMEOUT, PublishFailed
from hub.relay.rabbitmq.letters import Letter
from hub.relay.rabbitmq.publisher import RabbitPublisher
from hub.supervisor import Supervisor
from tests.lab.fault_proxy import Direction, fault_proxy_to
from tests.lab.toxics import Latency, Slicer
from tests.support.patience import eventually
from tests.support.rabbit_world import (
    RESTART_PATIENCE_S,
    RabbitWorld,
    rabbit_world,
    sender_at,
    source_config,
)
from tests.support.relay_world import ROUTING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.lab.fault_proxy import FaultProxy
    from tests.support.rabbitmq import RabbitNames, RabbitServer


@pytest.fixture(autouse=True)
def no_storm(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """The driver's exceptions end with us: none is written by it, and none is left for the loop to find."""
    yield
    gc.collect()
    assert [record for record in caplog.records if record.name.startswith(("aiormq", "asyncio"))] == []
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture
def quick_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signs of life are asked for ten times a second and waited for half a second, not 5 s each."""
    monkeypatch.setattr("hub.relay.rabbitmq.link.ECHO_INTERVAL_S", 0.1)
    monkeypatch.setattr("hub.relay.rabbitmq.link.CALL_DEADLINE_S", 0.5)


class Persistent:
    """Publishes until it is confirmed, under the same id each time, as an outbox does."""

    def __init__(self, publisher: RabbitPublisher, queue: str) -> None:
        self.publisher = publisher
        self.queue = queue
        self.failures: list[str] = []

    async def send(self, key: str, seqs: Sequence[int]) -> None:
        for seq in seqs:
            body = json.dumps({"key": key, "seq": seq}).encode()
            await self._until_confirmed(Letter("", self.queue, body, message_id=f"{key}-{seq}"))

    async def _until_confirmed(self, letter: Letter) -> None:
        while True:
            try:
                await self.publisher.publish(letter)
                return
            except PublishFailed as failure:
                self.failures.append(failure.reason)


@asynccontextmanager
async def publishing(url: str, **options: Any) -> AsyncIterator[RabbitPublisher]:
    publisher = RabbitPublisher(RabbitConnectionConfig(urls=(url,)), SystemClock(), name="test", **options)
    async with Supervisor() as supervisor:
        supervisor.start("publisher", publisher.run())
        await eventually(lambda: publisher.health().is_attached)
        yield publisher


@asynccontextmanager
async def proxied(
    server: RabbitServer, names: RabbitNames, **options: Any
) -> AsyncIterator[tuple[RabbitWorld, FaultProxy]]:
    """A source that reaches the broker through a proxy."""
    async with fault_proxy_to(server.port) as proxy:
        world = RabbitWorld(source_config(server, names, port=proxy.port, **options))
        async with world.running():
            yield world, proxy


async def restart(server: RabbitServer) -> None:
    server.start()
    await server.ready()


@pytest.mark.timeout(120)
async def test_f19_what_was_confirmed_survives_a_killed_broker(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, _), publishing(rabbitmq.url, deadline_s=1) as publisher:
        persistent = Persistent(publisher, config.queue)
        sending = asyncio.create_task(persistent.send("a", range(400)))
        await eventually(lambda: world.measure("amqp_received") > 100)
        await rabbitmq.age_queues()
        rabbitmq.kill()
        await eventually(lambda: persistent.failures)
        await eventually(lambda: not world.source.health().is_attached)
        await restart(rabbitmq)
        await sending
        await world.has_seqs("a", range(400))
        await eventually(lambda: world.source.health().is_attached, RESTART_PATIENCE_S)
        assert world.measure("amqp_lost_links") >= 1


@pytest.mark.timeout(120)
async def test_f20_a_broker_that_stops_in_good_order_is_waited_for(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, caplog: pytest.LogCaptureFixture
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender), publishing(rabbitmq.url, deadline_s=1) as publisher:
        await sender.send_seqs(config.queue, "a", range(50))
        await world.has_seqs("a", range(50))
        await rabbitmq.stop_app()
        await eventually(lambda: not world.source.health().is_attached)
        assert world.source.health().detail
        await rabbitmq.start_app()
        await rabbitmq.ready()
        await Persistent(publisher, config.queue).send("a", range(50, 60))
        await world.has_seqs("a", range(60))


async def test_f20_connections_that_an_operator_closes_come_back(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, _), publishing(rabbitmq.url) as publisher:
        persistent = Persistent(publisher, config.queue)
        for round_ in range(3):
            sending = asyncio.create_task(persistent.send("a", range(100 * round_, 100 * round_ + 100)))
            await eventually(lambda: world.measure("amqp_received") > 100 * round_ + 20)  # noqa: B023  # awaited here
            await rabbitmq.close_all_connections()
            await sending
        await world.has_seqs("a", range(300))


@pytest.mark.timeout(120)
async def test_f21_under_a_memory_alarm_consumers_go_on_and_publishers_are_told(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender), publishing(rabbitmq.url, deadline_s=1) as publisher:
        world.engine.gate.clear()
        await sender.send_seqs(config.queue, "a", range(100))
        await sender.send(config.queue, b"no json", message_id="poison")
        await sender.send_seqs(config.queue, "a", range(100, 200))
        await rabbitmq.raise_memory_alarm()
        try:
            world.engine.gate.set()
            await world.has_seqs("a", range(200))
            for seq in range(200, 203):
                with pytest.raises(PublishFailed):
                    await publisher.publish(Letter("", config.queue, b'{"key":"a","seq":%d}' % seq, f"a-{seq}"))
            with pytest.raises(PublishFailed) as failure:
                await publisher.publish(Letter("", config.queue, b'{"key":"a","seq":200}', "a-200"))
            assert failure.value.reason == BLOCKED
            assert publisher.measures()["amqp_blocked.test"] == 1
            assert publisher.measures()["amqp_unconfirmed.test"] == 0
            assert publisher.health().is_attached
            assert publisher.health().detail
            assert world.measure("amqp_in_hand") == 1, "the dead letter waits, and nothing waits for it"
        finally:
            await rabbitmq.clear_memory_alarm()
        await Persistent(publisher, config.queue).send("a", range(200, 205))
        await world.has_seqs("a", range(205))
        await sender.has_length(config.dead_queue, 1)
        await eventually(lambda: world.measure("amqp_in_hand") == 0)
        await eventually(lambda: not publisher.measures()["amqp_blocked.test"])


async def test_f22_a_queue_that_is_deleted_is_made_again(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    config = source_config(rabbitmq, rabbitmq_names, exchange=rabbitmq_names("events"))
    async with rabbit_world(config, rabbitmq) as (world, sender):
        await rabbitmq.delete_queue(config.queue)
        await eventually(lambda: world.measure("amqp_lost_links") == 1)
        await eventually(lambda: world.source.health().is_attached)
        await sender.send("order.made", {"key": "a", "seq": 1}, exchange=config.exchange)
        await world.has_seqs("a", [1])


async def test_f22_a_consumer_that_the_broker_has_forgotten_is_missed(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing tells us, as has happened with bugs of brokers and of drivers: the queue looks empty."""
    monkeypatch.setattr("hub.relay.rabbitmq.consumption.CONSUMER_LOOK_INTERVAL_S", 0.2)
    consumers = remembered_consumers(monkeypatch)
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        ((channel, tag),) = consumers
        await channel.basic_cancel(tag, nowait=True)
        await eventually(lambda: world.measure("amqp_lost_links") == 1)
        await sender.send_seqs(config.queue, "a", range(3))
        await world.has_seqs("a", range(3))


def remembered_consumers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[aiormq.Channel, str]]:
    """The consumers that begin from now on."""
    consumers: list[tuple[aiormq.Channel, str]] = []
    consume = aiormq.Channel.basic_consume

    async def remembering(self: aiormq.Channel, *args: Any, **kwargs: Any) -> Any:
        answer = await consume(self, *args, **kwargs)
        consumers.append((self, answer.consumer_tag or ""))
        return answer

    monkeypatch.setattr(aiormq.Channel, "basic_consume", remembering)
    return consumers


async def test_f23_a_full_queue_and_a_missing_one_are_failures_and_never_publications(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    queue = rabbitmq_names("full")
    arguments: dict[str, Any] = {"x-max-length": 2, "x-overflow": "reject-publish"}
    async with sender_at(rabbitmq.url) as sender, publishing(rabbitmq.url) as publisher:
        letters = [Letter("", queue, b"%d" % number, f"m{number}") for number in range(4)]
        outcomes = await publisher.publish_many(letters)
        assert [outcome and outcome.reason for outcome in outcomes] == [RETURNED] * 4
        await sender.channel.queue_declare(queue, durable=True, arguments=arguments)
        outcomes = [(await publisher.publish_many([letter]))[0] for letter in letters]
        assert [outcome and outcome.reason for outcome in outcomes] == [None, None, NACKED, NACKED]
        assert (publisher.num_published, publisher.num_failed) == (2, 6)
        for number in range(4):
            await eventually(lambda: sender.length(queue))
            message = await sender.get(queue)
            assert message is not None
            assert message.body == b"%d" % number
            if number < 2:
                await publisher.publish(letters[number + 2])


async def test_f24_a_letter_whose_confirm_was_lost_is_published_once_all_the_same(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, _), fault_proxy_to(rabbitmq.port) as proxy:
        async with publishing(rabbitmq.url_at(proxy.port)) as publisher:
            persistent = Persistent(publisher, config.queue)
            for seq in range(5):
                happened = proxy.cut_reply_once(b'"seq": %d' % seq)
                await persistent.send("a", [seq])
                assert happened.is_set()
            assert persistent.failures == [LOST] * 5
        await eventually(lambda: world.measure("amqp_acknowledged") == 10)
        assert await world.seqs("a") == list(range(5))


@pytest.mark.usefixtures("quick_watch")
async def test_f25_a_frozen_broker_is_noticed_by_the_echo_and_left(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, _), publishing(rabbitmq.url, deadline_s=0.5) as publisher:
        persistent = Persistent(publisher, config.queue)
        await persistent.send("a", range(20))
        rabbitmq.pause()
        try:
            sending = asyncio.create_task(persistent.send("a", range(20, 40)))
            await eventually(lambda: world.measure("amqp_lost_links"))
            await eventually(lambda: publisher.num_lost_links)
            assert set(persistent.failures) & {TIMEOUT, LOST}
        finally:
            rabbitmq.resume()
        await sending
        await world.has_seqs("a", range(40))


@pytest.mark.usefixtures("quick_watch")
@pytest.mark.parametrize("fault", ["blackhole", "up", "down"])
async def test_f25_a_link_that_has_gone_silent_is_left_for_a_new_one(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, fault: str
) -> None:
    async with proxied(rabbitmq, rabbitmq_names) as (world, proxy), sender_at(rabbitmq.url) as sender:
        await sender.send_seqs(world.config.queue, "a", range(10))
        await world.has_seqs("a", range(10))
        if fault == "blackhole":
            proxy.blackhole()
        else:
            proxy.half_open(Direction(fault))
        await sender.send_seqs(world.config.queue, "a", range(10, 20))
        await eventually(lambda: world.measure("amqp_lost_links"))
        proxy.mend()
        await world.has_seqs("a", range(20))


@pytest.mark.usefixtures("quick_watch")
async def test_f25_a_slow_link_is_not_taken_for_a_dead_one(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    async with proxied(rabbitmq, rabbitmq_names) as (world, proxy), sender_at(rabbitmq.url) as sender:
        proxy.add(Latency(0.05, 0.02))
        proxy.add(Slicer(1, 7, 0))
        await sender.send_seqs(world.config.queue, "a", range(200))
        await world.has_seqs("a", range(200))
        assert world.measure("amqp_lost_links") == 0


async def test_f26_what_cannot_be_published_is_a_dead_letter_and_the_rest_flows_in_order(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    routing = replace(ROUTING, max_message_bytes=1_000)
    event = "application/cloudevents+json"
    unknown_version = {"specversion": "7.0", "id": "1", "source": "s", "type": "t", "data": {"key": "a", "seq": 0}}
    async with rabbit_world(config, rabbitmq, routing) as (world, sender):
        poison: list[tuple[object, str]] = [
            (b"no json", ""),
            ({"key": "a", "seq": 0, "padding": "x" * 1_000}, ""),
            ({"seq": 0}, ""),
            (unknown_version, event),
            ({"key": {"wrong": "type"}, "seq": 0}, ""),
        ]
        for number, (body, content_type) in enumerate(poison):
            await sender.send_seqs(config.queue, "a", range(10 * number, 10 * number + 10))
            await sender.send(config.queue, body, message_id=f"p{number}", content_type=content_type)
        await world.has_seqs("a", range(50))
        await sender.has_length(config.dead_queue, 5)
        letters = await RabbitDeadLetters(config, SystemClock()).list(10)
        assert sorted(letter.reason for letter in letters) == [
            "bad_channel",
            "bad_channel",
            "malformed",
            "oversize",
            "unknown_version",
        ]
        assert world.measure("amqp_rejected") == 5
        await eventually(lambda: world.measure("amqp_in_hand") == 0)


async def test_f26_a_router_that_fails_makes_a_dead_letter_too(
    rabbitmq: RabbitServer,
    rabbitmq_names: RabbitNames,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        with monkeypatch.context() as patch:
            patch.setattr("hub.relay.routing.Router.route", broken)
            await sender.send_seqs(config.queue, "a", [1])
            await sender.has_length(config.dead_queue, 1)
        await sender.send_seqs(config.queue, "a", [2])
        await world.has_seqs("a", [2])
    assert [record.getMessage() for record in caplog.records if record.exc_info] == ["amqp_routing_failed"]
    caplog.clear()


async def test_f27_a_storm_of_redeliveries_publishes_nothing_twice(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    """The engine has accepted each batch, and the acknowledgement never arrives."""
    async with proxied(rabbitmq, rabbitmq_names, prefetch=100) as (world, proxy), sender_at(rabbitmq.url) as sender:
        most_in_hand = 0.0
        for round_ in range(5):
            proxy.half_open(Direction.UP)
            first = 100 * round_
            await sender.send_seqs(world.config.queue, "a", range(first, first + 100))
            await eventually(lambda: world.measure("amqp_acknowledged") >= 100 * (round_ + 1))  # noqa: B023  # at once
            most_in_hand = max(most_in_hand, world.measure("amqp_in_hand"))
            proxy.mend()
            proxy.reset()
            await eventually(lambda: world.measure("amqp_redelivered") >= 100 * (round_ + 1))  # noqa: B023  # at once
        await sender.has_length(world.config.queue, 0)
        assert await world.seqs("a") == list(range(500))
        assert most_in_hand <= 100


async def test_f27_what_dies_with_its_node_is_taken_over_by_the_next(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names, prefetch=100)
    async with sender_at(rabbitmq.url) as sender:
        world = RabbitWorld(config)
        async with world.running():
            world.engine.gate.clear()
            await sender.send_seqs(config.queue, "a", range(150))
            await eventually(lambda: world.measure("amqp_in_hand") == 100)
        world.engine.gate.set()
        async with world.running(world.new_source()):
            await world.has_seqs("a", range(150))


async def test_f28_a_slow_engine_leaves_the_rest_in_the_queue(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names, prefetch=50)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        world.engine.gate.clear()
        await sender.send_seqs(config.queue, "a", range(500))
        await sender.has_length(config.queue, 450)
        assert world.measure("amqp_in_hand") == 50
        assert world.engine.num_calls == 1
        world.engine.gate.set()
        await world.has_seqs("a", range(500))
