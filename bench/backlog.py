"""A queue that is filled before anybody gets anything of it: whoever consumes it then works as fast as it can.

The queue has a single active consumer, and the first that comes is this one. It takes one message that stands before
the others and keeps it. When it leaves, the next consumer becomes the active one, and the backlog flows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any

import aiormq

QUEUE = "bench"
DEAD = "bench.dead"

ARGUMENTS: dict[str, Any] = {"x-queue-type": "quorum", "x-single-active-consumer": True}

# It warns of every connection that the broker closes, also of one that is closed in good order.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)

_UNCONFIRMED = 1_000
_DEADLINE_S = 60.0


class Backlog:
    """Of the queue `QUEUE`, which it declares; open from the moment it is made until `release`."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._run(self._close_the_gate(url))

    def fill(self, messages: Sequence[bytes]) -> None:
        """Persistent messages, each confirmed by the broker, that are all there when it returns."""
        self._run(self._publish(messages))

    def release(self) -> None:
        self._run(self._open_the_gate())

    def close(self) -> None:
        self._run(self._connection.close())
        self._runner.close()

    async def _close_the_gate(self, url: str) -> None:
        self._connection = await aiormq.connect(f"{url}?heartbeat=0")  # between two calls nobody listens
        self._channel = await self._connection.channel()
        await self._channel.queue_declare(QUEUE, durable=True, arguments=ARGUMENTS)
        await self._declare_dead_letters()
        await self._channel.basic_qos(prefetch_count=1)
        held: asyncio.Future[aiormq.abc.DeliveredMessage] = asyncio.get_running_loop().create_future()

        async def hold(message: aiormq.abc.DeliveredMessage) -> None:
            held.set_result(message)

        consuming = await self._channel.basic_consume(QUEUE, hold)
        await self._publish([b"held"])
        self._held, self._consumer_tag = (await held).delivery_tag or 0, str(consuming.consumer_tag)

    async def _declare_dead_letters(self) -> None:
        """A consumer that knows of such looks whether they are there."""
        await self._channel.exchange_declare(DEAD, exchange_type="fanout", durable=True)
        await self._channel.queue_declare(DEAD, durable=True)
        await self._channel.queue_bind(DEAD, DEAD)

    async def _publish(self, messages: Sequence[bytes]) -> None:
        """Written in this order, because each gets as far as its socket before the next begins."""
        for start in range(0, len(messages), _UNCONFIRMED):
            group = messages[start : start + _UNCONFIRMED]
            await asyncio.gather(*map(self._publish_one, group))

    async def _publish_one(self, body: bytes) -> None:
        """With an id of its own, which the driver makes: by it a consumer knows a message again."""
        properties = aiormq.spec.Basic.Properties(content_type="application/json", delivery_mode=2)
        await self._channel.basic_publish(body, routing_key=QUEUE, properties=properties)

    async def _open_the_gate(self) -> None:
        await self._channel.basic_cancel(self._consumer_tag)
        await self._channel.basic_ack(self._held)

    def _run(self, work: Coroutine[object, None, object]) -> None:
        async def in_time() -> None:
            async with asyncio.timeout(_DEADLINE_S):
                await work

        self._runner.run(in_time())
