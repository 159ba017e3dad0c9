"""What becomes of messages that cannot be published: kept with the reason, listed, replayed, removed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from hub.clock import SystemClock
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.dead_letters import DeadLettersUnavailable
from hub.relay.rabbitmq.config import RabbitConnectionConfig
from hub.relay.rabbitmq.dead_letters import RabbitDeadLetters
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.rabbit_world import rabbit_world, source_config

if TYPE_CHECKING:
    from hub.relay.rabbitmq.config import RabbitSourceConfig
    from tests.support.rabbit_world import Sender
    from tests.support.rabbitmq import RabbitNames, RabbitServer

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def dead_letters_of(config: RabbitSourceConfig) -> RabbitDeadLetters:
    return RabbitDeadLetters(config, SystemClock())


async def send_poison(sender: Sender, queue: str, number: int) -> None:
    await sender.send(queue, b"no json %d" % number, message_id=f"bad-{number}", headers={"traceparent": TRACE})


async def test_a_dead_letter_says_why_and_keeps_everything_else(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names, exchange=rabbitmq_names("events"))
    async with rabbit_world(config, rabbitmq) as (world, sender):
        await sender.send(
            "order.made", b"no json", exchange=config.exchange, message_id="bad", headers={"traceparent": TRACE}
        )
        await sender.has_length(config.dead_queue, 1)
        await eventually(lambda: world.measure("amqp_in_hand") == 0)
        (letter,) = await dead_letters_of(config).list(10)
        assert (letter.reason, letter.subject, letter.body, letter.attempts) == (
            "malformed",
            "order.made",
            b"no json",
            1,
        )
        assert letter.detail
        assert letter.headers == {"traceparent": TRACE}
        assert abs(letter.dead_since_ms - SystemClock().now_s() * 1000) < 3_600_000
        raw = await sender.get(config.dead_queue)
        assert raw is not None
        assert raw.routing_key == "order.made"
        assert raw.header.properties.message_id == "bad"
        assert raw.header.properties.delivery_mode == 2


async def test_looking_leaves_the_letters_where_they_are_in_their_order(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (_, sender):
        for number in range(5):
            await send_poison(sender, config.queue, number)
            await sender.has_length(config.dead_queue, number + 1)
        bodies = [b"no json %d" % number for number in range(5)]
        for look in range(25):  # more than the 20 deliveries that newer brokers allow by default
            letters = await dead_letters_of(config).list(1 + look % 7)
            assert [letter.body for letter in letters] == bodies[: 1 + look % 7]
        await sender.has_length(config.dead_queue, 5)


async def test_letters_are_removed_by_their_ids_or_all(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (_, sender):
        for number in range(4):
            await send_poison(sender, config.queue, number)
        await sender.has_length(config.dead_queue, 4)
        dead_letters = dead_letters_of(config)
        chosen = [letter.id for letter in await dead_letters.list(10) if letter.body in (b"no json 1", b"no json 3")]
        assert await dead_letters.remove(chosen) == 2
        assert {letter.body for letter in await dead_letters.list(10)} == {b"no json 0", b"no json 2"}
        assert await dead_letters.remove(None) == 2
        assert await dead_letters.list(10) == []


async def test_a_replayed_letter_takes_the_way_that_it_took_at_first(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    """By the routing key that it was published with, although it comes back by the name of the queue."""
    config = source_config(rabbitmq, rabbitmq_names, exchange=rabbitmq_names("events"))
    no_route = RoutingConfig(routes=(RouteConfig(channels=("x",), when={"routing_key": ("other",)}),))
    async with rabbit_world(config, rabbitmq, no_route) as (_, sender):
        bystander = rabbitmq_names("bystander")
        await sender.channel.queue_declare(bystander)
        await sender.channel.queue_bind(bystander, config.exchange, "#")
        for seq in range(3):
            await sender.send("order.made", {"seq": seq}, exchange=config.exchange, message_id=str(seq))
        await sender.has_length(config.dead_queue, 3)
    routing = RoutingConfig(routes=(RouteConfig(channels=("{routing_key}",)),))
    async with rabbit_world(config, rabbitmq, routing) as (world, sender):
        dead_letters = dead_letters_of(config)
        (second,) = [letter.id for letter in await dead_letters.list(10) if json.loads(letter.body)["seq"] == 1]
        assert await dead_letters.replay({second}) == 1
        await world.has_seqs("order.made", [1])
        assert await dead_letters.replay(None) == 2
        await world.has_seqs("order.made", [1, 0, 2])
        assert await sender.length(config.dead_queue) == 0
        assert await sender.length(bystander) == 3, "the others have had theirs"


async def test_a_letter_that_dies_again_counts_as_one_replay(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (_, sender):
        await send_poison(sender, config.queue, 0)
        await sender.has_length(config.dead_queue, 1)
        assert await dead_letters_of(config).replay(None) == 1
        await sender.has_length(config.dead_queue, 1)
        (letter,) = await dead_letters_of(config).list(10)
        assert (letter.reason, letter.subject) == ("malformed", config.queue)


async def test_what_the_broker_gives_up_is_there_too(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    config = source_config(rabbitmq, rabbitmq_names, delivery_limit=1, single_active_consumer=False)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        await world.source.stop_intake()
        await sender.send(config.queue, {"key": "a", "seq": 1}, message_id="m")
        for _ in range(2):
            await sender.has_length(config.queue, 1)
            taken = await sender.channel.basic_get(config.queue)
            await sender.channel.basic_nack(taken.delivery_tag or 0)
        await sender.has_length(config.dead_queue, 1)
        (letter,) = await dead_letters_of(config).list(10)
        assert (letter.reason, letter.subject, letter.headers) == ("delivery_limit", config.queue, {})
        assert letter.dead_since_ms


async def test_a_broker_that_cannot_be_reached_is_said_so(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    nowhere = RabbitConnectionConfig(urls=(rabbitmq.url_at(free_port()),))
    config = source_config(rabbitmq, rabbitmq_names, connection=nowhere)
    with pytest.raises(DeadLettersUnavailable, match=r"connecting to 127\.0\.0\.1"):
        await dead_letters_of(config).list(1)


async def test_large_letters_are_looked_at_a_few_at_a_time(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was too large for the hub lies there: two thousand of these would be the end of a node that looks."""
    monkeypatch.setattr("hub.relay.rabbitmq.dead_letters.MAX_LOOK_BYTES", 1_000)
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (_, sender):
        for number in range(6):
            await sender.send(config.queue, b"no json %d" % number + b"." * 400, message_id=f"bad-{number}")
            await sender.has_length(config.dead_queue, number + 1)
        letters = await dead_letters_of(config).list(10)
        assert [letter.body[:9] for letter in letters] == [b"no json %d" % number for number in range(3)]
        await sender.has_length(config.dead_queue, 6)
        assert await dead_letters_of(config).remove(None) == 6
        await sender.has_length(config.dead_queue, 0)
