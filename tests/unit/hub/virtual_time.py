"""An event loop in which waiting takes no time: when nothing is ready to run, its clock jumps to the next timer.

So a test can let a minute pass, in which every timer of the code under test fires in its order, and neither sleeps nor
depends on how fast the machine is.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import TYPE_CHECKING, Any, TypeVar

from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Coroutine

_Result = TypeVar("_Result")


class Stuck(RuntimeError):
    """The test waits for something that nothing in its loop can bring about."""


class _JumpingSelector(selectors.SelectSelector):
    """Where a loop would wait, it tells whoever waits for that, or lets the time pass at once."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self._clock = clock
        self.waiting_for_idle: list[asyncio.Future[None]] = []

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout > 0:
            self._wait(timeout)
        return super().select(0)

    def _wait(self, timeout_s: float | None) -> None:
        if self.waiting_for_idle:
            waiting, self.waiting_for_idle = self.waiting_for_idle, []
            for future in waiting:
                if not future.done():
                    future.set_result(None)
        elif timeout_s is None:
            raise Stuck("nothing is ready, and no timer is set")
        else:
            self._clock.advance(timeout_s)


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs on `clock`, which is also what a hub under test is given."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.selector = _JumpingSelector(self.clock)
        super().__init__(self.selector)

    def time(self) -> float:
        return self.clock.monotonic_s()


def virtual_loop() -> VirtualLoop:
    """The loop of this test."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    return loop


async def idle() -> None:
    """Until everything has run that can run without time passing."""
    loop = virtual_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.selector.waiting_for_idle.append(future)
    await future


async def pass_time(seconds: float) -> None:
    """Let so much time pass, and everything happen that falls into it."""
    loop = virtual_loop()
    future: asyncio.Future[None] = loop.create_future()
    loop.call_later(seconds, future.set_result, None)
    await future
    await idle()


def run_in_virtual_time(work: Coroutine[Any, Any, _Result]) -> _Result:
    """For tests that are not coroutines themselves, above all those that hypothesis drives."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
