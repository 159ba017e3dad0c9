"""Which keys may have expired, soonest first. Pure."""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import Generic, TypeVar

K = TypeVar("K")

MIN_STALE = 1_000
"""Entries of discarded keys that are left behind in any case; beyond, at most one per key that is queued."""


class Deadlines(Generic[K]):
    """A queue of keys by deadline, in which moving a deadline later is free.

    Such a key comes up at its old deadline, and its owner, who knows the new one, watches it again: a busy key is
    queued once per TTL, not once per use. A key that was dropped also comes up once more, for its owner to ignore.
    Moving a deadline earlier leaves an entry behind until the old one has passed; only a change of TTL does that.

    Keys are of one orderable type.
    """

    __slots__ = ("_heap", "_queued_at_s")

    def __init__(self) -> None:
        self._heap: list[tuple[float, K]] = []
        self._queued_at_s: dict[K, float] = {}

    def __len__(self) -> int:
        return len(self._queued_at_s)

    def watch(self, key: K, at_s: float) -> None:
        """See to it that `key` comes up at `at_s` or before."""
        queued_at_s = self._queued_at_s.get(key)
        if queued_at_s is None or at_s < queued_at_s:
            self._queued_at_s[key] = at_s
            heappush(self._heap, (at_s, key))

    def discard(self, key: K) -> None:
        """It will not come up any more."""
        if self._queued_at_s.pop(key, None) is not None and len(self._heap) > 2 * len(self._queued_at_s) + MIN_STALE:
            self._heap = [(at_s, queued) for queued, at_s in self._queued_at_s.items()]
            heapify(self._heap)

    def pop_due(self, now_s: float) -> K | None:
        """Take out the key whose queued deadline passed first; None when none has."""
        heap = self._heap
        while heap and heap[0][0] <= now_s:
            at_s, key = heappop(heap)
            if self._queued_at_s.get(key) == at_s:  # else it was moved earlier and has come up then, or was discarded
                del self._queued_at_s[key]
                return key
        return None
