"""Which traces are followed: the ratio in the long run, the bounds at all times."""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.tracing import TraceContext
from observability.config import TracingConfig
from observability.tracing.environment import SamplerChoice
from observability.tracing.sampling import Allowance, Sampling
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

UNBOUNDED = 1e9


@pytest.fixture(autouse=True)
def same_draws() -> Iterator[None]:
    state = random.getstate()
    random.seed(20_261_124)
    yield
    random.setstate(state)


def sampling(ratio: float, choice: SamplerChoice | None = None, *, per_s: float = UNBOUNDED) -> Sampling:
    config = TracingConfig(is_enabled=True, sample_ratio=ratio, max_roots_per_s=per_s, max_followed_per_s=per_s)
    return Sampling(config, choice, FakeClock())


def parent(number: int = 1) -> TraceContext:
    return TraceContext(f"{number:032x}", "b" * 16)


@pytest.mark.parametrize("ratio", [0.001, 0.01, 0.1, 0.5, 0.99])
def test_in_the_long_run_the_ratio_is_kept(ratio: float) -> None:
    occasions = 200_000
    decisions = sampling(ratio)

    followed = sum(decisions.samples_root() for _ in range(occasions))

    deviation = math.sqrt(occasions * ratio * (1 - ratio))
    assert abs(followed - occasions * ratio) < 5 * deviation


def test_the_first_occasion_is_as_likely_as_any_other() -> None:
    first = sum(sampling(0.1).samples_root() for _ in range(20_000))

    assert abs(first - 2_000) < 5 * math.sqrt(20_000 * 0.1 * 0.9)


def test_a_ratio_of_one_follows_everything_and_of_zero_nothing() -> None:
    everything, nothing = sampling(1.0), sampling(0.0)

    assert all(everything.samples_root() for _ in range(1_000))
    assert not any(nothing.samples_root() for _ in range(1_000))


@given(ratio=st.floats(0, 1), occasions=st.integers(0, 300))
def test_any_ratio_can_be_drawn_for(ratio: float, occasions: int) -> None:
    decisions = sampling(ratio)

    assert 0 <= sum(decisions.samples_root() for _ in range(occasions)) <= occasions


def test_the_choice_of_the_environment_wins_over_the_ratio() -> None:
    decisions = sampling(0.0, SamplerChoice(1.0))

    assert all(decisions.samples_root() for _ in range(100))


def test_ten_thousand_sampled_parents_in_a_moment_are_followed_up_to_the_bound() -> None:
    decisions = sampling(1.0, per_s=500)

    assert sum(decisions.follows(parent(number)) for number in range(10_000)) == 500
    assert decisions.followed.num_refused == 9_500


def test_strangers_leave_half_for_publishers() -> None:
    decisions = sampling(1.0, per_s=500)
    about_half = (249, 250)  # the bucket counts in floats

    assert sum(decisions.follows(parent(number), is_stranger=True) for number in range(10_000)) in about_half
    assert decisions.strangers.num_refused in (9_750, 9_751)
    assert sum(decisions.follows(parent(number)) for number in range(10_000)) in (*about_half, 251)


def test_roots_have_a_bound_of_their_own_and_it_holds_for_the_environment_too() -> None:
    decisions = sampling(1.0, SamplerChoice(1.0), per_s=50)

    assert sum(decisions.samples_root() for _ in range(1_000)) == 50
    assert decisions.roots.num_refused == 950
    assert decisions.follows(parent())


@given(per_s=st.floats(0.01, 1_000), steps=st.lists(st.tuples(st.floats(0, 5), st.integers(1, 60)), max_size=30))
def test_no_window_of_time_has_more_than_its_rate_and_one_seconds_worth_at_once(
    per_s: float, steps: list[tuple[float, int]]
) -> None:
    clock = FakeClock()
    allowance = Allowance(per_s, clock)
    taken = elapsed_s = 0.0

    for pause_s, wanted in steps:
        clock.advance(pause_s)
        elapsed_s += pause_s
        taken += sum(allowance.take() for _ in range(wanted))
        assert taken <= per_s * elapsed_s + max(1, int(per_s)) + 1e-6


def test_a_rate_of_zero_allows_nothing() -> None:
    allowance = Allowance(0, FakeClock())

    assert not allowance.take()
    assert allowance.num_refused == 1


def test_a_parent_that_is_not_sampled_is_not_followed() -> None:
    decisions = sampling(1.0)

    assert not decisions.follows(parent()._replace(is_sampled=False))
    assert not decisions.followed.num_refused


def test_a_sampler_that_ignores_parents_decides_by_the_id_as_other_processes_do() -> None:
    decisions = sampling(1.0, SamplerChoice(0.25, respects_parent=False))
    low, high = parent(1), parent((1 << 64) - 1)

    assert decisions.follows(low)
    assert not decisions.follows(high)
    assert not sampling(1.0, SamplerChoice(0.0, respects_parent=False)).follows(low)
    assert sampling(1.0, SamplerChoice(1.0, respects_parent=False)).follows(high)
