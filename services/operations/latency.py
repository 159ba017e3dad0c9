"""Quantiles of what a histogram has counted lately. Pure."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.histogram import Histogram

WINDOW_S: Final = 60.0


class RecentQuantiles:
    """Of the last WINDOW_S, as `look` has sampled the histogram: in steps of a second the memory is 60 short lists."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._seen: deque[tuple[float, list[int]]] = deque()

    def look(self, now_s: float) -> None:
        """Remember how it stands now (monotonic seconds)."""
        self._seen.append((now_s, list(self._histogram.counts)))
        # The newest sample that is old enough is what the present is compared with.
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - WINDOW_S:
            self._seen.popleft()

    def quantile(self, share: float) -> float | None:
        """The value that this share is not above, interpolated in its bucket; None when nothing was counted."""
        if not self._seen:
            return None
        before, now = self._seen[0][1], self._seen[-1][1]
        return quantile(self._histogram.bounds, [new - old for old, new in zip(before, now, strict=True)], share)


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """As Prometheus' `histogram_quantile`: in the last bucket, which has no bound, its lower bound."""
    total = sum(counts)
    if not total:
        return None
    rank = share * total
    below = 0
    for index, count in enumerate(counts[:-1]):
        if count and below + count >= rank:
            low = bounds[index - 1] if index else 0.0
            return low + (bounds[index] - low) * (rank - below) / count
        below += count
    return bounds[-1]
