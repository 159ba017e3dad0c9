from __future__ import annotations

from bench.floors.on_request import WorkOrder
from bench.floors.rabbitmq_consumer import GROUP, Consumer


class Channel:
    """Hands messages to a consumer, and notes after how many it was acknowledged."""

    def __init__(self, consumer: Consumer) -> None:
        self.acknowledged_at: list[int] = []
        self._consumer = consumer
        self._num_sent = 0

    async def send(self, count: int) -> None:
        for _ in range(count):
            self._num_sent += 1
            await self._consumer.take(self._acknowledge)

    async def _acknowledge(self) -> None:
        self.acknowledged_at.append(self._num_sent)


async def test_acknowledges_in_groups() -> None:
    consumer = Consumer()
    channel = Channel(consumer)
    await channel.send(3 * GROUP - 1)
    assert channel.acknowledged_at == [GROUP, 2 * GROUP]


async def test_what_came_before_the_order_was_read_is_of_it() -> None:
    consumer = Consumer()
    channel = Channel(consumer)
    for _ in range(2):
        await channel.send(2 * GROUP)
        report = await consumer.carry_out(WorkOrder(messages=2 * GROUP))
        assert report.done == 2 * GROUP
        assert report.elapsed_s > 0
