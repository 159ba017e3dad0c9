"""The RabbitMQ source against a real broker, when nothing fails."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.relay.config import RouteConfig, RoutingConfig
from hub.supervisor import Supervisor
from tests.support.patience import PATIENCE_S, eventually
from tests.support.rabbit_world import RabbitWorld, rabbit_world, sender_at, source_config

if TYPE_CHECKING:
    from tests.support.rabbitmq import RabbitNames, RabbitServer


async def test_messages_arrive_in_their_channels_in_order_and_are_acknowledged(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        await asyncio.gather(*(sender.send_seqs(config.queue, key, range(200)) for key in "abc"))
        for key in "abc":
            await world.has_seqs(key, range(200))
        await eventually(lambda: world.measure("amqp_acknowledged") == 600)
        assert world.measure("amqp_in_hand") == 0
        assert await sender.length(config.queue) == 0


async def test_a_queue_is_bound_to_its_exchange_and_the_routing_key_is_the_subject(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(
        rabbitmq, rabbitmq_names, exchange=rabbitmq_names("events"), bindings=("order.*", "payment.#")
    )
    routing = RoutingConfig(routes=(RouteConfig(channels=("{routing_key}",)),))
    async with rabbit_world(config, rabbitmq, routing) as (world, sender):
        for key in ("order.made", "payment.card.taken"):
            await sender.send(key, {"seq": 1}, exchange=config.exchange)
            await world.has_seqs(key, [1])


async def test_nothing_is_acknowledged_before_the_engine_has_accepted_it(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with sender_at(rabbitmq.url) as sender:
        world = RabbitWorld(config)
        world.engine.gate.clear()
        async with world.running():
            await sender.send_seqs(config.queue, "a", range(3))
            await eventually(lambda: world.engine.num_calls > 0)
            assert world.measure("amqp_acknowledged") == 0
        await sender.has_length(config.queue, 3)


async def test_while_the_engine_gives_no_answer_messages_wait_and_then_come_in_order(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        world.engine.is_down = True
        await sender.send_seqs(config.queue, "a", range(20))
        await eventually(lambda: world.engine.num_calls > 2)
        world.engine.is_down = False
        await world.has_seqs("a", range(20))


async def test_a_message_that_is_sent_twice_is_published_once(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        for seq in (1, 1, 2, 1, 3):
            await sender.send(config.queue, {"key": "a", "seq": seq}, message_id=str(seq))
        await world.has_seqs("a", [1, 2, 3])
        await eventually(lambda: world.measure("amqp_acknowledged") == 5)


async def test_a_queue_that_is_there_is_used_as_it_is(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    config = source_config(rabbitmq, rabbitmq_names, declare=False, dead_letter_exchange="amq.fanout")
    async with sender_at(rabbitmq.url) as sender:
        await sender.channel.queue_declare(config.queue, durable=True)
        async with rabbit_world(config, rabbitmq) as (world, _):
            await sender.send(config.queue, {"key": "a", "seq": 1})
            await world.has_seqs("a", [1])


async def test_a_queue_that_is_not_there_is_named_and_waited_for(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names, declare=False, dead_letter_exchange="amq.fanout")
    world = RabbitWorld(config)
    async with Supervisor() as supervisor, sender_at(rabbitmq.url) as sender:
        supervisor.start("source", world.source.run())
        await eventually(lambda: config.queue in world.source.health().detail)
        assert not world.source.health().is_attached
        await sender.channel.queue_declare(config.queue, durable=True)
        await eventually(lambda: world.source.health().is_attached)


async def test_a_queue_with_other_properties_is_left_alone_and_complained_of(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    world = RabbitWorld(config)
    async with Supervisor() as supervisor, sender_at(rabbitmq.url) as sender:
        await sender.channel.queue_declare(config.queue, durable=True, arguments={"x-queue-type": "quorum"})
        supervisor.start("source", world.source.run())
        await eventually(lambda: "inequivalent arg" in world.source.health().detail)
        await sender.send(config.queue, {"key": "a", "seq": 1})
        await sender.has_length(config.queue, 1)


async def test_a_stop_acknowledges_what_was_accepted_and_leaves_the_rest_in_the_queue(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names, prefetch=10)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        world.engine.gate.clear()
        await sender.send_seqs(config.queue, "a", range(30))
        await eventually(lambda: world.measure("amqp_in_hand") == 10)
        stopping = asyncio.create_task(world.source.stop_intake())
        await sender.send(config.queue, {"key": "a", "seq": 30}, message_id="a-30")
        world.engine.gate.set()
        await stopping
        taken = await world.seqs("a")
        assert taken == list(range(len(taken)))
        assert 0 < len(taken) < 31
        await sender.has_length(config.queue, 31 - len(taken))
        assert not world.source.health().is_attached


async def test_a_stop_does_not_wait_for_an_engine_without_answer(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hub.relay.rabbitmq.source.DRAIN_DEADLINE_S", 0.2)
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        world.engine.is_down = True
        await sender.send_seqs(config.queue, "a", range(3))
        await eventually(lambda: world.engine.num_calls > 0)
        async with asyncio.timeout(PATIENCE_S):
            await world.source.stop_intake()
        world.engine.is_down = False
    async with world.running(world.new_source()):
        await world.has_seqs("a", range(3))


async def test_one_consumer_at_a_time_is_active_and_the_next_one_goes_on_in_order(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        second = world.new_source()
        async with world.running(second):
            await sender.send_seqs(config.queue, "a", range(100))
            await world.has_seqs("a", range(100))
            assert second.measures()["amqp_received.orders"] == 0
            await asyncio.gather(world.source.stop_intake(), sender.send_seqs(config.queue, "a", range(100, 300)))
            await world.has_seqs("a", range(300))
            assert second.measures()["amqp_received.orders"] > 0


async def test_the_next_consumer_begins_when_the_last_one_has_finished(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    """Or it would publish newer messages before those that the other one still has in hand."""
    config = source_config(rabbitmq, rabbitmq_names, prefetch=10)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        second = world.new_source()
        async with world.running(second):
            world.engine.gate.clear()
            await sender.send_seqs(config.queue, "a", range(100))
            await eventually(lambda: world.measure("amqp_in_hand") == 10)
            stopping = asyncio.create_task(world.source.stop_intake())
            for _ in range(20):
                assert await sender.length(config.queue) == 90
            assert second.measures()["amqp_received.orders"] == 0
            world.engine.gate.set()
            await stopping
            await world.has_seqs("a", range(100))


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_a_backlog_of_100_000_is_caught_up_with_in_order_and_in_bounded_memory(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    num_keys, per_key = 10, 10_000
    config = source_config(rabbitmq, rabbitmq_names)
    world = RabbitWorld(config)
    async with world.running():
        pass  # declares
    async with sender_at(rabbitmq.url) as sender:
        await sender.fill(config.queue, [f"k{key}" for key in range(num_keys)], per_key)
        await sender.has_length(config.queue, num_keys * per_key)
    most_in_hand = 0.0
    async with world.running(world.new_source()) as source:

        def is_done() -> bool:
            nonlocal most_in_hand
            measures = source.measures()
            most_in_hand = max(most_in_hand, measures["amqp_in_hand.orders"])
            return measures["amqp_acknowledged.orders"] == num_keys * per_key

        await eventually(is_done, 20 * PATIENCE_S)
    for key in range(num_keys):
        assert await world.seqs(f"k{key}") == list(range(per_key))
    assert 0 < most_in_hand <= config.prefetch
