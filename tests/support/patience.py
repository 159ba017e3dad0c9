"""How long tests wait for what must happen, and how they wait.

TEST_TIME_SCALE multiplies every wait: set it to 3 on a slow machine. Nothing here is an assertion on speed.
"""

from __future__ import annotations

import asyncio
import inspect
import os
from typing import TYPE_CHECKING, Any, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

TIME_SCALE = float(os.environ.get("TEST_TIME_SCALE", "1"))

PATIENCE_S = 10 * TIME_SCALE
"""After this long, what a test waits for is taken not to happen."""

POLL_S = 0.01


@overload
async def eventually(check: Callable[[], Awaitable[T]], within_s: float = PATIENCE_S) -> T: ...


@overload
async def eventually(check: Callable[[], T], within_s: float = PATIENCE_S) -> T: ...


async def eventually(check: Callable[[], Any], within_s: float = PATIENCE_S) -> Any:
    """Ask until the answer is true, and return it. A failed assertion inside `check` counts as "not yet".

    Raises:
        AssertionError: not within `within_s`; it shows the last answer, or is the last failed assertion.
    """
    deadline_s = asyncio.get_running_loop().time() + within_s
    while True:
        try:
            answer = await _answer(check)
            failure = None
        except AssertionError as exc:
            answer, failure = None, exc
        if answer:
            return answer
        if asyncio.get_running_loop().time() > deadline_s:
            raise failure or AssertionError(f"not within {within_s} s; last answer: {answer!r}")
        await asyncio.sleep(POLL_S)


async def _answer(check: Callable[[], Any]) -> Any:
    answer = check()
    return await answer if inspect.isawaitable(answer) else answer
