"""Latencies of a phase, and their percentiles."""

from __future__ import annotations

from array import array
from collections.abc import Iterable

MAX_WEIGHT = 255


class Latencies:
    """Nanoseconds from publish to receipt, one entry per frame, weighted by the messages in it.

    Value and weight share one integer (`ns << 8 | weight`): the receiving loop then appends once per frame, and a
    million entries sort as integers, not as tuples.
    """

    def __init__(self) -> None:
        self.packed = array("q")

    def add(self, elapsed_ns: int) -> None:
        """One message."""
        self.packed.append(elapsed_ns << 8 | 1)

    def clear(self) -> None:
        del self.packed[:]

    def percentiles_ms(self, *fractions: float) -> list[float]:
        """Nearest-rank percentiles over messages, in the order asked; zeros if there were none."""
        ordered = sorted(self.packed)
        total = sum(entry & MAX_WEIGHT for entry in ordered)
        return [_nearest_rank_ns(ordered, fraction * total) / 1e6 for fraction in fractions]


def _nearest_rank_ns(ordered: Iterable[int], rank: float) -> int:
    seen = 0
    for entry in ordered:
        seen += entry & MAX_WEIGHT
        if seen >= rank:
            return entry >> 8
    return 0
