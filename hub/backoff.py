"""How long to wait before the next attempt at something that has failed."""

from __future__ import annotations

from random import uniform
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Backoff:
    """Pauses, doubled from one to the next, each with half of it left to chance: nodes do not return in step.

    Args:
        jitter: picks from between two values. It spreads load, nothing secret depends on it.
    """

    __slots__ = ("_first_s", "_jitter", "_longest_s", "_pause_s")

    def __init__(self, first_s: float, longest_s: float, jitter: Callable[[float, float], float] = uniform) -> None:
        self._first_s = self._pause_s = first_s
        self._longest_s = longest_s
        self._jitter = jitter

    def next_s(self) -> float:
        """Another attempt has failed: wait this long before the next."""
        pause_s = self._pause_s
        self._pause_s = min(2 * pause_s, self._longest_s)
        return self._jitter(pause_s / 2, pause_s)

    def reset(self) -> None:
        """One has succeeded: the next pause is a short one."""
        self._pause_s = self._first_s
