from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.rate_limit import Bucket, Rate


class TokenBucket:
    """The definition, in exact numbers: `burst` tokens, `per_s` more each second, an event takes one."""

    def __init__(self, per_s: int, burst: int) -> None:
        self.per_s = per_s
        self.burst = max(burst, 1)
        self.tokens = Fraction(self.burst)
        self.at_s = Fraction(0)

    def take(self, now_s: Fraction) -> bool:
        self.tokens = min(Fraction(self.burst), self.tokens + (now_s - self.at_s) * self.per_s)
        self.at_s = now_s
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def retry_after_s(self) -> Fraction:
        return max(Fraction(0), (1 - self.tokens) / self.per_s)


# Powers of two, so that no rounding can part the two: what is compared is the rule.
POWERS = st.sampled_from([1, 2, 4, 8, 64, 256])
STEPS = st.lists(st.integers(0, 3_000) | st.integers(0, 10), max_size=120)


@given(POWERS, st.integers(0, 20), STEPS)
@example(1, 1, [0, 0, 255, 1, 0, 256])
@example(256, 0, [0, 0, 1, 1])
@example(64, 8, [10_000_000] + [0] * 10 + [4] * 10)
def test_it_decides_as_a_token_bucket_does(per_s: int, burst: int, steps: list[int]) -> None:
    """Events at any moments, clock jumps ahead included: each decision is the model's."""
    bucket, model = Bucket(Rate(per_s, burst)), TokenBucket(per_s, burst)
    now_s = Fraction(1_000)
    for step in steps:
        now_s += Fraction(step, 256)
        assert bucket.take(float(now_s)) == model.take(now_s)
        assert bucket.retry_after_s(float(now_s)) == model.retry_after_s()


@given(POWERS, st.integers(1, 20), st.integers(1, 40))
def test_the_event_conforms_when_the_time_it_was_told_has_passed(per_s: int, burst: int, events: int) -> None:
    bucket = Bucket(Rate(per_s, burst))
    now_s = 1_000.0
    while bucket.take(now_s):
        pass
    for _ in range(events):
        wait_s = bucket.retry_after_s(now_s)
        assert wait_s > 0
        assert not bucket.take(now_s + wait_s - 2**-20)
        now_s += wait_s
        assert bucket.take(now_s)


def test_a_refused_event_uses_nothing_up() -> None:
    bucket = Bucket(Rate(1, 1))
    assert bucket.take(1_000)
    assert not any(bucket.take(1_000 + step / 100) for step in range(100))
    assert bucket.take(1_001)


def test_buckets_of_one_rate_do_not_share_their_use() -> None:
    rate = Rate(1, 2)
    first, second = Bucket(rate), Bucket(rate)
    assert [first.take(5) for _ in range(3)] == [True, True, False]
    assert [second.take(5) for _ in range(3)] == [True, True, False]


@pytest.mark.parametrize("back_s", [0.5, 10, 1e6])
def test_a_clock_that_steps_back_grants_nothing_extra(back_s: float) -> None:
    """No monotonic clock does; if one did, peers would be refused for that long, not let in."""
    bucket = Bucket(Rate(1, 2))
    assert [bucket.take(1e7) for _ in range(3)] == [True, True, False]
    assert not bucket.take(1e7 - back_s)
    assert bucket.retry_after_s(1e7 - back_s) == 1 + back_s


@given(st.sampled_from([0.25, 1, 2, 64]), st.integers(1, 50), st.lists(st.integers(0, 200), max_size=60))
def test_what_remains_is_what_still_passes(per_s: float, burst: int, gaps: list[int]) -> None:
    """In times that floats hold exactly: else the last event of a burst may come one rounding too early."""
    rate, now_s = Rate(per_s, burst), 1_000.0
    bucket = Bucket(rate)
    for gap in gaps:
        now_s += gap / 64
        bucket.take(now_s)
    remaining = bucket.remaining(now_s)
    taken = 0
    while bucket.take(now_s):
        taken += 1
    assert taken == remaining
