"""The outbox by way of RabbitMQ: committed here, confirmed by the broker, published by whoever consumes."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hub.clock import SystemClock
from hub.config import HubConfig
from hub.engine import HistoryQuery
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.entries import HUB, OutboxEntry
from hub.relay.outbox import Outbox
from hub.relay.rabbitmq.config import RabbitConnectionConfig
from hub.relay.rabbitmq.failures import INVALID, LOST, NACKED, RETURNED, PublishFailed
from hub.relay.rabbitmq.publisher import RabbitPublisher
from hub.relay.sinks.rabbitmq import RabbitCarrier
from hub.supervisor import Supervisor
from storage.database import Query
from tests.support.patience import eventually
from tests.support.rabbit_world import RabbitWorld, sender_at, source_config
from tests.support.relay_world import CHANNELS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.database import Storage
    from tests.support.rabbitmq import RabbitNames, RabbitServer

_EMPTY = Query("test_empty", "SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM outbox)")

BY_SUBJECT = RoutingConfig(
    routes=(RouteConfig(channels=("{subject}",), when={"type": ("syncline.publication",)}, is_trusted=True),)
)


@asynccontextmanager
async def outbox_to(
    storage: Storage, server: RabbitServer, exchange: str, routing_key: str = "{channel}"
) -> AsyncIterator[Outbox]:
    clock = SystemClock()
    hub = Hub(HubConfig(channel=CHANNELS), MemoryEngine(clock), clock)
    publisher = RabbitPublisher(RabbitConnectionConfig(urls=(server.url,)), clock, name="outbox")
    carrier = RabbitCarrier(publisher, exchange, routing_key, "/syncline")
    outbox = Outbox(storage.relay, hub, clock, carriers={HUB: carrier})
    async with Supervisor() as supervisor:
        supervisor.start("publisher", publisher.run())
        supervisor.start("outbox", outbox.run())
        await eventually(lambda: outbox.measures()["outbox_parts"] and publisher.health().is_attached)
        yield outbox


async def commit(storage: Storage, outbox: Outbox, channel: str, *numbers: int, **tags: str) -> None:
    for number in numbers:
        entry = await storage.business.run(
            lambda tx, n=number: outbox.add(tx, channel, b'{"seq": %d}' % n, tags=tags or None)  # type: ignore[misc]  # mypy knows no lambda with defaults
        )
        outbox.publish_soon([entry])


async def test_what_is_committed_is_published_by_the_consumer_of_any_node(
    storage: Storage, rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names, exchange=rabbitmq_names("events"))
    world = RabbitWorld(config, BY_SUBJECT)
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with world.running(), outbox_to(storage, rabbitmq, config.exchange) as outbox:
        await commit(storage, outbox, "news", *range(30), traceparent=trace)
        await commit(storage, outbox, "carts#42", *range(5))
        await world.has_seqs("news", range(30))
        await world.has_seqs("carts#42", range(5))
        history = await world.engine.history("news", HistoryQuery(limit=1))
        assert history.publications[0].tags["traceparent"] == trace  # type: ignore[index]  # it has tags
        await eventually(lambda: storage.relay.fetch_one(_EMPTY))


async def test_f23_what_no_queue_takes_waits_in_the_outbox_and_holds_up_nobody_else(
    storage: Storage, rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    exchange = rabbitmq_names("events")
    config = source_config(rabbitmq, rabbitmq_names, exchange=exchange, bindings=("open",))
    world = RabbitWorld(config, BY_SUBJECT)
    async with (
        world.running(),
        sender_at(rabbitmq.url) as sender,
        outbox_to(storage, rabbitmq, exchange) as outbox,
    ):
        await commit(storage, outbox, "shut", 0, 1, 2)
        await commit(storage, outbox, "open", *range(10))
        await world.has_seqs("open", range(10))
        await eventually(lambda: outbox.measures()["outbox_failures"] > 0)
        assert outbox.measures()["outbox_waiting"] == 3
        assert not outbox.measures()["outbox_is_stalled"]

        await sender.channel.queue_bind(config.queue, exchange, "shut")
        await world.has_seqs("shut", range(3))


async def test_f23_a_queue_that_is_full_delays_and_loses_nothing(
    storage: Storage, rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    exchange, queue = rabbitmq_names("events"), rabbitmq_names("full")
    async with sender_at(rabbitmq.url) as sender, outbox_to(storage, rabbitmq, exchange) as outbox:
        await sender.channel.exchange_declare(exchange, exchange_type="topic", durable=True)
        arguments: dict[str, Any] = {"x-max-length": 2, "x-overflow": "reject-publish"}
        await sender.channel.queue_declare(queue, durable=True, arguments=arguments)
        await sender.channel.queue_bind(queue, exchange, "#")
        await commit(storage, outbox, "news", *range(8))
        seen: list[int] = []

        async def take() -> bool:
            while message := await sender.get(queue):
                seen.append(json.loads(message.body)["seq"])
            return len(seen) == 8

        await eventually(take)
        assert seen == list(range(8))
        await sender.channel.queue_delete(queue)


class Broker:
    """In place of RabbitPublisher: fails as it is told."""

    def __init__(self, reason: str) -> None:
        self.reason = reason

    async def publish(self, letter: object) -> None:
        raise PublishFailed(self.reason)


@pytest.mark.parametrize(
    ("reason", "outcome"),
    [(NACKED, "LaneBlocked"), (RETURNED, "LaneBlocked"), (LOST, "CarrierUnavailable"), (INVALID, ["invalid"])],
)
async def test_what_the_publisher_says_is_told_on(reason: str, outcome: object) -> None:
    carrier = RabbitCarrier(Broker(reason), "events", "{type}", "/syncline")  # type: ignore[arg-type]  # as much of one as is used
    entry = OutboxEntry("id", "news:1", b"1")
    try:
        told: object = await carrier.carry([entry, replace_id(entry)])
    except Exception as exc:  # noqa: BLE001  # its name is what is looked at
        told = type(exc).__name__
    assert told == outcome


def replace_id(entry: OutboxEntry) -> OutboxEntry:
    return OutboxEntry("other", entry.channel, entry.data)
