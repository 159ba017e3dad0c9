"""Work that ends together: who fails first is heard, and who cancels us is never mistaken for the driver."""

from __future__ import annotations

import asyncio

import pytest

from hub.relay.rabbitmq.failures import LinkLost, losing_the_link
from hub.relay.rabbitmq.race import race


class Work:
    """Waits until it is told to end."""

    def __init__(self) -> None:
        self.end: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.has_ended = False

    async def run(self) -> None:
        try:
            await self.end
        finally:
            self.has_ended = True


async def started(*works: Work) -> asyncio.Task[None]:
    racing = asyncio.create_task(race(*(work.run() for work in works)))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return racing


async def test_the_first_to_end_ends_the_others() -> None:
    first, second = Work(), Work()
    racing = await started(first, second)
    second.end.set_result(None)
    await racing
    assert first.has_ended


async def test_the_first_failure_is_raised_as_it_is() -> None:
    first, second = Work(), Work()
    racing = await started(first, second)
    second.end.set_exception(LinkLost("gone"))
    with pytest.raises(LinkLost, match="gone"):
        await racing
    assert first.has_ended


async def test_a_cancellation_ends_all_and_stays_one() -> None:
    first, second = Work(), Work()
    racing = await started(first, second)
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing
    assert first.has_ended
    assert second.has_ended


async def test_a_cancellation_at_the_moment_of_a_failure_is_not_forgotten() -> None:
    """As a TaskGroup does until Python 3.13: the source would reconnect, and its node never end."""
    first, second = Work(), Work()
    racing = await started(first, second)
    second.end.set_exception(LinkLost("gone"))
    await asyncio.sleep(0)  # the failure is on its way
    racing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await racing


async def test_after_a_failure_nobody_seems_to_be_cancelled() -> None:
    """By this a later cancellation that the driver makes up is known."""

    async def fail() -> None:
        raise LinkLost("gone")

    for _ in range(3):
        with pytest.raises(LinkLost):
            await race(fail(), Work().run())
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_cancellation_that_nobody_asked_for_is_a_lost_link() -> None:
    work, other = Work(), Work()
    racing = await started(work, other)
    work.end.cancel()  # as the driver does with what waits for a connection that ends
    with pytest.raises(LinkLost):
        await racing


async def test_inside_a_call_too() -> None:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(future.cancel)
    with pytest.raises(LinkLost, match="asking: the connection was closed"), losing_the_link("asking"):
        await future


async def test_a_call_that_is_really_cancelled_is_cancelled() -> None:
    async def call() -> None:
        with losing_the_link("asking"):
            await asyncio.get_running_loop().create_future()

    calling = asyncio.create_task(call())
    await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling


async def test_a_call_over_its_deadline_is_a_lost_link() -> None:
    with pytest.raises(LinkLost, match="no answer in time"), losing_the_link("asking"):
        async with asyncio.timeout(0):
            await asyncio.get_running_loop().create_future()
