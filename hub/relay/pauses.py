"""Growing pauses between attempts, each in its own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0


class Pauses:
    """Doubled each time, with jitter. Times are those of one clock, whichever it is."""

    __slots__ = ("_jitter", "_next_s", "_until_s")

    def __init__(self, jitter: Callable[[float, float], float]) -> None:
        self._jitter = jitter
        self._next_s = FIRST_PAUSE_S
        self._until_s = 0.0

    def begin(self, now_s: float) -> None:
        """Another attempt has failed."""
        self._until_s = now_s + self._jitter(self._next_s / 2, self._next_s)
        self._next_s = min(2 * self._next_s, LONGEST_PAUSE_S)

    def left_s(self, now_s: float) -> float:
        return max(0.0, self._until_s - now_s)

    def reset(self) -> None:
        self._next_s = FIRST_PAUSE_S
        self._until_s = 0.0
