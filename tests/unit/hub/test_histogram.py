from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from hub.histogram import Histogram

VALUES = st.lists(st.floats(-1, 1e9), max_size=50)


@given(VALUES)
def test_each_value_is_in_the_first_bucket_that_holds_it(values: list[float]) -> None:
    histogram = Histogram((0.5, 1.0, 10.0))
    for value in values:
        histogram.observe(value)
    below = 0
    for bound, count in zip((*histogram.bounds, math.inf), histogram.counts, strict=True):
        below += count
        assert below == sum(value <= bound for value in values)
    assert histogram.count == len(values)
    assert math.isclose(histogram.total, sum(values), abs_tol=1e-6)


@given(st.floats(0, 1e9), st.integers(0, 100))
def test_many_at_once_are_as_one_after_the_other(value: float, times: int) -> None:
    one, many = Histogram(), Histogram()
    many.observe_many(value, times)
    for _ in range(times):
        one.observe(value)
    assert one.counts == many.counts
    assert math.isclose(one.total, many.total, abs_tol=1e-6)
