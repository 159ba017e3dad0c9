"""Owner of every background task: names them, and treats an unexpected end of one as a failure of the node."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Self


class TaskEnded(RuntimeError):
    """A task that should run as long as the node returned."""


class Supervisor:
    """Runs tasks that live as long as the node.

    `async with Supervisor() as supervisor:` cancels them at the end and waits for them. `run_until` returns early when
    one of them ends by itself, whether it raised or returned: a deaf node must not stay up (style.md, fault W1).
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._failure: asyncio.Future[BaseException] | None = None

    async def __aenter__(self) -> Self:
        self._failure = asyncio.get_running_loop().create_future()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = list(self._tasks)
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def start(self, name: str, work: Coroutine[object, object, None]) -> None:
        """Run `work` until the node stops. It must not end before."""
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)

    @property
    def task_names(self) -> list[str]:
        return [task.get_name() for task in self._tasks]

    async def run_until(self, stop: asyncio.Event) -> BaseException | None:
        """Wait for `stop`, or for the first task that ends by itself; return that failure."""
        assert self._failure is not None, "enter the supervisor first"
        stopping = asyncio.create_task(stop.wait(), name="supervisor.stop")
        try:
            await asyncio.wait((stopping, self._failure), return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
        return self._failure.result() if self._failure.done() else None

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task not in self._tasks:
            return
        del self._tasks[task]
        if self._failure is None or self._failure.done():
            return
        cause = asyncio.CancelledError() if task.cancelled() else task.exception()
        failure = TaskEnded(f"task {task.get_name()} ended")
        failure.__cause__ = cause
        self._failure.set_result(failure)
