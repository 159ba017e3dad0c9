"""Running a coroutine that must not wait."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TypeVar

_Result = TypeVar("_Result")


def at_once(coroutine: Coroutine[object, None, _Result]) -> _Result:
    """The result of a coroutine that has nothing to wait for; it needs no event loop, and fails if it suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: _Result = done.value
        return result
    coroutine.close()
    raise AssertionError("the coroutine waited")
