from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.histogram import DURATION_BOUNDS_S, Histogram
from services.operations.latency import WINDOW_S, RecentQuantiles, quantile

BOUNDS = (1.0, 2.0, 4.0)


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ((0, 0, 0, 0), 0.5, None),
        ((10, 0, 0, 0), 0.5, 0.5),
        ((0, 10, 0, 0), 0.5, 1.5),
        ((10, 0, 10, 0), 0.75, 3.0),
        ((0, 0, 0, 5), 0.5, 4.0),  # beyond the last bound nobody knows how far
        ((1, 1, 1, 1), 1.0, 4.0),
    ],
)
def test_quantile(counts: tuple[int, ...], share: float, expected: float | None) -> None:
    assert quantile(BOUNDS, counts, share) == expected


@given(st.lists(st.floats(0, 20), min_size=1), st.floats(0.01, 1))
def test_it_is_in_the_bucket_of_the_true_quantile(values: list[float], share: float) -> None:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    found = quantile(histogram.bounds, histogram.counts, share)
    assert found is not None
    ordered = sorted(values)
    rank = next(number for number in range(1, len(values) + 1) if number >= share * len(values))
    bucket = bisect_left(DURATION_BOUNDS_S, ordered[rank - 1])
    low = DURATION_BOUNDS_S[bucket - 1] if bucket else 0.0
    high = DURATION_BOUNDS_S[bucket] if bucket < len(DURATION_BOUNDS_S) else DURATION_BOUNDS_S[-1]
    assert low <= found <= high


@given(st.lists(st.integers(0, 50), min_size=4, max_size=4).filter(any))
def test_a_higher_share_is_no_lower(counts: list[int]) -> None:
    found = [quantile(BOUNDS, counts, share / 20) for share in range(1, 21)]
    assert all(one is not None and other is not None and one <= other for one, other in pairwise(found))


def test_only_the_last_minute_counts() -> None:
    histogram = Histogram(BOUNDS)
    recent = RecentQuantiles(histogram)
    assert recent.quantile(0.5) is None
    histogram.observe(3.0)
    recent.look(0.0)
    assert recent.quantile(0.5) is None  # what was before the first look is not of this minute
    histogram.observe(0.5)
    recent.look(1.0)
    assert recent.quantile(1.0) == 1.0
    recent.look(WINDOW_S)
    assert recent.quantile(1.0) == 1.0
    recent.look(WINDOW_S + 1.0)
    assert recent.quantile(1.0) is None


def test_memory_is_bounded() -> None:
    recent = RecentQuantiles(Histogram(BOUNDS))
    for second in range(1_000):
        recent.look(float(second))
    assert len(recent._seen) == WINDOW_S + 1
