"""Batches of deliveries: gathered by ticks, bounded, in order."""

from __future__ import annotations

import asyncio

from hub.relay.rabbitmq.arrivals import Arrivals
from tests.unit.hub.relay.rabbitmq.deliveries import delivery
from tests.unit.hub.virtual_time import virtual_loop


async def add(arrivals: Arrivals, *tags: int) -> None:
    for tag in tags:
        await arrivals.add(delivery(tag))


async def take(arrivals: Arrivals) -> list[int]:
    return [delivered.delivery_tag or 0 for delivered in await arrivals.take()]


async def test_one_alone_does_not_wait_for_time_to_pass() -> None:
    arrivals = Arrivals(10)
    began_s = virtual_loop().clock.monotonic_s()
    await add(arrivals, 1)
    assert await take(arrivals) == [1]
    assert virtual_loop().clock.monotonic_s() == began_s


async def test_what_comes_tick_after_tick_is_one_batch() -> None:
    arrivals = Arrivals(10)

    async def trickle() -> None:
        for tag in range(1, 6):
            await add(arrivals, tag)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        group.create_task(trickle())
        taking = group.create_task(take(arrivals))
    assert taking.result() == [1, 2, 3, 4, 5]


async def test_batches_are_bounded_and_in_order() -> None:
    arrivals = Arrivals(3)
    await add(arrivals, *range(1, 8))
    assert [await take(arrivals) for _ in range(3)] == [[1, 2, 3], [4, 5, 6], [7]]
    assert len(arrivals) == 0


async def test_closed_it_gives_nothing_and_keeps_what_waits() -> None:
    arrivals = Arrivals(3)
    await add(arrivals, 1, 2, 3, 4)
    arrivals.close()
    assert await take(arrivals) == []
    assert len(arrivals) == 4


async def test_a_close_ends_the_wait() -> None:
    arrivals = Arrivals(3)
    async with asyncio.TaskGroup() as group:
        taking = group.create_task(take(arrivals))
        await asyncio.sleep(0)
        arrivals.close()
    assert taking.result() == []
