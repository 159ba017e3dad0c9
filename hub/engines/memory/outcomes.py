"""Where the publications of recent idempotency keys went. Pure."""

from __future__ import annotations

from collections import deque

from msgspec import Struct

from hub.protocol.messages import StreamPosition


class Outcome(Struct, frozen=True, gc=False):
    """What a repeat of `key`, which is (channel, idempotency key), is told until `expires_at_s`."""

    key: tuple[str, str]
    position: StreamPosition | None
    expires_at_s: float


class OutcomeCache:
    """The outcomes of the last `max_keys` idempotency keys, each for its TTL.

    First in, first out: with one TTL for all, which is how the hub is configured, that is also the order in which they
    expire. Of mixed TTLs a short one may hold its memory for as long as a long one before it, but no longer its answer.

    Attributes:
        evictions: keys forgotten before their time because `max_keys` others came after them.
    """

    __slots__ = ("_by_key", "_max_keys", "_oldest_first", "evictions")

    def __init__(self, max_keys: int) -> None:
        self._max_keys = max_keys
        self._by_key: dict[tuple[str, str], Outcome] = {}
        self._oldest_first: deque[Outcome] = deque()
        self.evictions = 0

    def __len__(self) -> int:
        return len(self._oldest_first)

    def get(self, key: tuple[str, str], now_s: float) -> Outcome | None:
        outcome = self._by_key.get(key)
        return outcome if outcome is not None and outcome.expires_at_s > now_s else None

    def add(self, outcome: Outcome, now_s: float) -> None:
        self._by_key[outcome.key] = outcome
        self._oldest_first.append(outcome)
        if len(self._oldest_first) > self._max_keys:
            self.evictions += self._oldest_first[0].expires_at_s > now_s
            self._forget_oldest()

    def outcomes(self) -> list[Outcome]:
        """Oldest first."""
        return list(self._oldest_first)

    def sweep(self, now_s: float, budget: int) -> int:
        """Free at most `budget` expired outcomes. Return how many."""
        steps = 0
        while steps < budget and self._oldest_first and self._oldest_first[0].expires_at_s <= now_s:
            self._forget_oldest()
            steps += 1
        return steps

    def _forget_oldest(self) -> None:
        oldest = self._oldest_first.popleft()
        if self._by_key[oldest.key] is oldest:  # else the key was used anew after its TTL
            del self._by_key[oldest.key]
