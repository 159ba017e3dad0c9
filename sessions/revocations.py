"""Which sessions have ended, in the memory of this node: what an access token cannot know of itself. Pure.

An entry is needed as long as a token that was issued before it may still be accepted, so the memory is bounded by the
life of access tokens. It is kept in two generations, each as long as that life: asking is two look-ups, forgetting is
dropping a dict.
"""

from __future__ import annotations

from typing import Generic, TypeVar

_Value = TypeVar("_Value")


class TwoGenerations(Generic[_Value]):
    """A dict whose entries are there for `life_s` after they were last put, and gone after twice that."""

    def __init__(self, life_s: float, now_s: float) -> None:
        self._life_s = life_s
        self._turned_s = now_s
        self._young: dict[str, _Value] = {}
        self._old: dict[str, _Value] = {}

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    def get(self, key: str) -> _Value | None:
        value = self._young.get(key)
        return self._old.get(key) if value is None else value

    def put(self, key: str, value: _Value, now_s: float) -> None:
        self._turn(now_s)
        self._young[key] = value

    def _turn(self, now_s: float) -> None:
        passed_s = now_s - self._turned_s
        if passed_s >= self._life_s:
            self._old = self._young if passed_s < 2 * self._life_s else {}
            self._young = {}
            self._turned_s = now_s


class Revocations:
    """Ended sessions, and sessions whose older tokens no longer say the truth.

    Times are monotonic seconds, except for the wall-clock seconds at which a token was issued.

    Invariants:
        REV-1  a session that was added is found until every token issued before has expired.
    """

    def __init__(self, life_s: float, now_s: float) -> None:
        self._ended: TwoGenerations[bool] = TwoGenerations(life_s, now_s)
        self._stale: TwoGenerations[float] = TwoGenerations(life_s, now_s)

    def __len__(self) -> int:
        return len(self._ended)

    def add(self, sid: str, now_s: float) -> None:
        """The session has ended, for good."""
        self._ended.put(sid, True, now_s)

    def has(self, sid: str) -> bool:
        return self._ended.get(sid) is True

    def outdate(self, sid: str, issued_until_s: float, now_s: float) -> None:
        """Tokens of this session issued until then are to be replaced: its roles have changed."""
        self._stale.put(sid, issued_until_s, now_s)

    def is_outdated(self, sid: str, issued_s: float) -> bool:
        until_s = self._stale.get(sid)
        return until_s is not None and issued_s <= until_s
