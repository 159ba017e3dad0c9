from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from hub.supervisor import Supervisor, TaskEnded
from tests.unit.hub.virtual_time import idle


async def forever(begun: list[str], ended: list[str]) -> None:
    begun.append("begun")
    try:
        await asyncio.Event().wait()
    finally:
        ended.append("ended")


async def failing() -> None:
    raise ValueError("the reason")


async def returning() -> None:
    pass


async def test_tasks_run_until_the_end_and_are_waited_for() -> None:
    begun: list[str] = []
    ended: list[str] = []
    async with Supervisor() as supervisor:
        supervisor.start("one", forever(begun, ended))
        supervisor.start("two", forever(begun, ended))
        await idle()
        assert supervisor.task_names == ["one", "two"]
        assert (len(begun), ended) == (2, [])
    assert len(ended) == 2


async def test_a_stop_that_was_asked_for_is_no_failure() -> None:
    stop = asyncio.Event()
    async with Supervisor() as supervisor:
        supervisor.start("one", forever([], []))
        stop.set()
        assert await supervisor.run_until(stop) is None


@pytest.mark.parametrize(("work", "cause"), [(failing, ValueError), (returning, type(None))])
async def test_a_task_that_ends_by_itself_is_a_failure_of_the_node(
    work: Callable[[], Coroutine[object, object, None]], cause: type[BaseException]
) -> None:
    """W1: a deaf node must not stay up, whether its task raised or returned."""
    async with Supervisor() as supervisor:
        supervisor.start("healthy", forever([], []))
        supervisor.start("ill", work())
        failure = await supervisor.run_until(asyncio.Event())
        assert isinstance(failure, TaskEnded)
        assert str(failure) == "task ill ended"
        assert isinstance(failure.__cause__, cause)
        assert supervisor.task_names == ["healthy"]


async def test_a_task_that_somebody_cancelled_is_a_failure_too() -> None:
    async with Supervisor() as supervisor:
        supervisor.start("one", forever([], []))
        (task,) = [task for task in asyncio.all_tasks() if task.get_name() == "one"]
        task.cancel()
        failure = await supervisor.run_until(asyncio.Event())
        assert isinstance(failure, TaskEnded)
        assert isinstance(failure.__cause__, asyncio.CancelledError)


async def test_the_first_failure_is_the_one_that_is_told() -> None:
    async with Supervisor() as supervisor:
        supervisor.start("first", failing())
        supervisor.start("second", failing())
        await idle()
        failure = await supervisor.run_until(asyncio.Event())
        assert str(failure) == "task first ended"


async def test_the_end_of_the_supervisor_is_no_failure_of_its_tasks() -> None:
    async with Supervisor() as supervisor:
        supervisor.start("one", forever([], []))
    assert await supervisor.run_until(set_event()) is None


def set_event() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


async def test_a_supervisor_that_was_not_entered_cannot_wait() -> None:
    with pytest.raises(AssertionError, match="enter the supervisor first"):
        await Supervisor().run_until(asyncio.Event())
