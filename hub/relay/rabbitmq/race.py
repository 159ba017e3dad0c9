"""Work that goes on together and ends together."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.relay.rabbitmq.failures import LinkLost

if TYPE_CHECKING:
    from collections.abc import Coroutine


async def race(*works: Coroutine[object, object, None]) -> None:
    """Run these until the first of them ends, then cancel the others; a failure of the first is raised.

    A bare TaskGroup will not do. When one of its tasks fails it cancels its parent, and until Python 3.13 may forget
    to take that back, or forget that somebody else has cancelled the parent as well: then `Task.cancelling`, by which
    a cancellation of ours is told from one that the driver makes up, is wrong for good.
    """
    failures: list[Exception] = []
    has_ended = asyncio.Event()

    async def run(work: Coroutine[object, object, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            if _is_asked_to_end():
                raise
            failures.append(LinkLost("the connection was closed"))
        except Exception as exc:  # noqa: BLE001  # raised again below
            failures.append(exc)
        finally:
            has_ended.set()

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(work)) for work in works]
        await has_ended.wait()
        for task in tasks:
            task.cancel()
    if failures:
        raise failures[0]


def _is_asked_to_end() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
