"""Growing pauses between attempts, each in its own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.backoff import Backoff

if TYPE_CHECKING:
    from collections.abc import Callable

FIRST_PAUSE_S: Final = 0.1
LONGEST_PAUSE_S: Final = 2.0


class Pauses:
    """A backoff and its end. Times are those of one clock, whichever it is."""

    __slots__ = ("_backoff", "_until_s")

    def __init__(self, jitter: Callable[[float, float], float]) -> None:
        self._backoff = Backoff(FIRST_PAUSE_S, LONGEST_PAUSE_S, jitter)
        self._until_s = 0.0

    def begin(self, now_s: float) -> None:
        """Another attempt has failed."""
        self._until_s = now_s + self._backoff.next_s()

    def left_s(self, now_s: float) -> float:
        return max(0.0, self._until_s - now_s)

    def reset(self) -> None:
        self._backoff.reset()
        self._until_s = 0.0
