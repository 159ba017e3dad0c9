from __future__ import annotations

from statistics import quantiles

from hypothesis import given
from hypothesis import strategies as st

from bench.load.latency import Latencies


def latencies(*entries: tuple[int, int]) -> Latencies:
    collected = Latencies()
    collected.packed.extend(value_ns << 8 | weight for value_ns, weight in entries)
    return collected


def test_a_frame_counts_for_as_many_messages_as_it_brought() -> None:
    assert latencies((1_000_000, 1), (5_000_000, 9)).percentiles_ms(0.1, 0.5) == [1.0, 5.0]


def test_nothing_received_gives_zero() -> None:
    assert Latencies().percentiles_ms(0.5, 0.99) == [0, 0]


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.99]))
def test_percentiles_are_values_with_that_share_at_or_below(values_ns: list[int], fraction: float) -> None:
    [percentile_ms] = latencies(*((value, 1) for value in values_ns)).percentiles_ms(fraction)
    below = sum(value / 1e6 <= percentile_ms for value in values_ns)
    assert percentile_ms in {value / 1e6 for value in values_ns}
    assert below >= fraction * len(values_ns)


def test_the_median_agrees_with_the_standard_library() -> None:
    values_ns = [value * 1_000_000 for value in range(1, 102)]
    assert latencies(*((value, 1) for value in values_ns)).percentiles_ms(0.5) == [quantiles(range(1, 102))[1]]


def test_clearing_forgets() -> None:
    collected = latencies((1, 1))
    collected.clear()
    assert len(collected.packed) == 0
