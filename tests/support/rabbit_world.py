"""A hub whose only source is a RabbitMQ queue, and somebody who publishes to it."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import aiormq
from aiormq import spec

from hub.relay.config import RoutingConfig
from hub.relay.rabbitmq.config import RabbitConnectionConfig, RabbitSourceConfig
from hub.relay.rabbitmq.source import RabbitSource
from hub.relay.routing import Router
from hub.supervisor import Supervisor
from tests.support.patience import PATIENCE_S, eventually
from tests.support.relay_world import CHANNELS, ROUTING, RelayHub

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from aiormq.abc import AbstractChannel, DeliveredMessage

    from tests.support.rabbitmq import RabbitNames, RabbitServer

RESTART_PATIENCE_S = 6 * PATIENCE_S
"""For what needs a broker that has just been started."""


class RabbitWorld(RelayHub):
    """A hub, and a source that is not running yet."""

    patience_s = RESTART_PATIENCE_S

    def __init__(self, config: RabbitSourceConfig, routing: RoutingConfig = ROUTING) -> None:
        super().__init__()
        self.config = config
        self.routing = routing
        self.source = self.new_source()

    def new_source(self) -> RabbitSource:
        """One more consumer of the same queue for the same engine, like a second node."""
        router = Router(self.routing, CHANNELS, self.config.name)
        return RabbitSource(self.config, router, self.intake, self.clock)

    @asynccontextmanager
    async def running(self, source: RabbitSource | None = None) -> AsyncIterator[RabbitSource]:
        """With a source that consumes: this world's, unless another one is named."""
        source = source or self.source
        async with Supervisor() as supervisor:
            supervisor.start("source", source.run())
            await eventually(lambda: source.health().is_attached, RESTART_PATIENCE_S)
            yield source

    def measure(self, name: str) -> float:
        return self.source.measures()[f"{name}.{self.source.name}"]


class Sender:
    """A publisher with confirms, on a connection of its own."""

    def __init__(self, channel: AbstractChannel) -> None:
        self.channel = channel

    async def send(
        self,
        routing_key: str,
        body: object,
        *,
        exchange: str = "",
        message_id: str | None = None,
        headers: Mapping[str, Any] | None = None,
        content_type: str = "application/json",
    ) -> None:
        """Publish one message, confirmed by the broker. Bytes go as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        properties = spec.Basic.Properties(
            content_type=content_type, message_id=message_id, headers=dict(headers or {}), delivery_mode=2
        )
        await self.channel.basic_publish(
            data, exchange=exchange, routing_key=routing_key, properties=properties, mandatory=True
        )

    async def send_seqs(self, queue: str, key: str, seqs: Sequence[int]) -> None:
        """Messages for one channel, many unconfirmed at a time, all confirmed in the end."""
        for first in range(0, len(seqs), 500):
            async with asyncio.TaskGroup() as group:
                for seq in seqs[first : first + 500]:
                    message = {"key": key, "seq": seq}
                    group.create_task(self.send(queue, message, message_id=f"{key}-{seq}"))

    async def fill(self, queue: str, keys: Sequence[str], num_per_key: int) -> None:
        """The same for many messages, without confirms: look at the length afterwards."""
        channel = await self.channel.connection.channel(publisher_confirms=False)
        for seq in range(num_per_key):
            for key in keys:
                properties = spec.Basic.Properties(message_id=f"{key}-{seq}", delivery_mode=2)
                body = b'{"key":"%b","seq":%d}' % (key.encode(), seq)
                await channel.basic_publish(body, routing_key=queue, properties=properties)
        await channel.close()

    async def get(self, queue: str) -> DeliveredMessage | None:
        """Take one message off a queue."""
        message = await self.channel.basic_get(queue, no_ack=True)
        return None if isinstance(message.delivery, spec.Basic.GetEmpty) else message

    async def length(self, queue: str) -> int:
        """Messages that are ready."""
        return (await self.channel.queue_declare(queue, passive=True)).message_count or 0

    async def has_length(self, queue: str, length: int) -> None:
        async def check() -> bool:
            return await self.length(queue) == length

        await eventually(check, RESTART_PATIENCE_S)


@asynccontextmanager
async def sender_at(url: str) -> AsyncIterator[Sender]:
    connection = await aiormq.connect(url)
    try:
        yield Sender(await connection.channel())
    finally:
        await connection.close()


def source_config(server: RabbitServer, names: RabbitNames, *, port: int = 0, **options: Any) -> RabbitSourceConfig:
    """A source of its own queue, through the port of a proxy if one is given."""
    url = server.url_at(port or server.port)
    config = RabbitSourceConfig(name="orders", connection=RabbitConnectionConfig(urls=(url,)), queue=names("orders"))
    return replace(config, **options)


@asynccontextmanager
async def rabbit_world(
    config: RabbitSourceConfig, server: RabbitServer, routing: RoutingConfig = ROUTING
) -> AsyncIterator[tuple[RabbitWorld, Sender]]:
    """A world whose source runs, and a sender."""
    async with AsyncExitStack() as stack:
        world = RabbitWorld(config, routing)
        await stack.enter_async_context(world.running())
        yield world, await stack.enter_async_context(sender_at(server.url))
