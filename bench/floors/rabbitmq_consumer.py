"""RabbitMQ's floor: a consumer that does nothing with a message but acknowledge it, in groups.

By aio-pika, as its manual shows it, or by aiormq, the driver under it.

`python -m bench.floors.rabbitmq_consumer <port> <aio-pika or aiormq> <url>`
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable

import aio_pika
import aiormq

from bench.backlog import ARGUMENTS, QUEUE
from bench.floors import on_request
from bench.floors.on_request import WorkOrder, WorkReport
from bench.floors.runtime import new_event_loop

PREFETCH = 200
"""What Syncline's consumer has by default."""

GROUP = 100

Acknowledge = Callable[[], Awaitable[object]]
"""For this message and all before it."""


class Consumer:
    """Acknowledges every hundredth message for all before it, and the last of an order."""

    def __init__(self) -> None:
        self._taken = 0
        self._wanted = 0
        self._began_ns = 0
        self._has_all = asyncio.Event()

    async def carry_out(self, order: WorkOrder) -> WorkReport:
        """Messages that came before the order was read are of it: the queue is let go when the order has been sent."""
        self._wanted = order.messages
        if self._taken < self._wanted:
            self._has_all.clear()
            await self._has_all.wait()
        elapsed_s = (time.monotonic_ns() - self._began_ns) / 1e9
        self._taken, self._began_ns = self._taken - order.messages, 0
        return WorkReport(order.messages, elapsed_s)

    async def take(self, acknowledge: Acknowledge) -> None:
        self._began_ns = self._began_ns or time.monotonic_ns()
        self._taken += 1
        is_last = self._taken == self._wanted
        if is_last or not self._taken % GROUP:
            await acknowledge()
        if is_last:
            self._has_all.set()


async def consume_by_aio_pika(url: str, consumer: Consumer) -> object:
    async def take(message: aio_pika.abc.AbstractIncomingMessage) -> None:
        await consumer.take(lambda: message.ack(multiple=True))

    connection = await aio_pika.connect(url)
    channel = await connection.channel()
    await channel.set_qos(prefetch_count=PREFETCH)
    queue = await channel.declare_queue(QUEUE, durable=True, arguments=ARGUMENTS)
    await queue.consume(take)
    return connection


async def consume_by_aiormq(url: str, consumer: Consumer) -> object:
    connection = await aiormq.connect(url)
    channel = await connection.channel()

    async def take(message: aiormq.abc.DeliveredMessage) -> None:
        await consumer.take(lambda: channel.basic_ack(message.delivery_tag or 0, multiple=True, wait=False))

    await channel.basic_qos(prefetch_count=PREFETCH)
    await channel.basic_consume(QUEUE, take)
    return connection


WAYS = {"aio-pika": consume_by_aio_pika, "aiormq": consume_by_aiormq}


async def consume(port: int, way: str, url: str) -> None:
    consumer = Consumer()
    _connection = await WAYS[way](url, consumer)  # closed when nobody refers to it
    await on_request.serve_on_loop(port, consumer.carry_out)


def main() -> None:
    port, way, url = int(sys.argv[1]), sys.argv[2], sys.argv[3]
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(consume(port, way, url))


if __name__ == "__main__":
    main()
