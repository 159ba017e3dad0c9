"""Rates per caller: against a model, bounded in memory, honest in headers (threat T22)."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.config import RestConfig
from api.rest import rate_limits
from api.rest.rate_limits import Limit, RateExceeded, RateLimits, network_of
from tests.support.clock import FakeClock

HEADER = re.compile(r'"user";r=(\d+);t=(\d+)')


def left(headers: dict[str, str]) -> tuple[int, int]:
    match = HEADER.fullmatch(headers["RateLimit"])
    assert match is not None
    return int(match[1]), int(match[2])


@given(st.lists(st.integers(0, 320), min_size=1, max_size=60))
def test_what_the_headers_promise_is_kept(gaps: list[int]) -> None:
    """`r` more requests pass at once, and when none is left, one passes `Retry-After` seconds later."""
    limit, now_s = Limit("user", 2, 5), 0.0
    promised = 5
    for gap in gaps:
        now_s += gap / 64  # in times that floats hold exactly
        headers = taken(limit, now_s)
        if isinstance(headers, RateExceeded):
            assert promised == 0, "it said that more would pass"
            assert left(headers.headers)[0] == 0
            now_s += headers.retry_after_s
            headers = limit.take("ann", now_s)
        promised = left(headers)[0]
        assert 0 <= promised < 5


def taken(limit: Limit, now_s: float) -> dict[str, str] | RateExceeded:
    try:
        return limit.take("ann", now_s)
    except RateExceeded as exc:
        return exc


def test_a_burst_and_then_the_rate() -> None:
    limit = Limit("user", 1, 3)
    assert [left(limit.take("ann", 0.0))[0] for _ in range(3)] == [2, 1, 0]
    with pytest.raises(RateExceeded) as caught:
        limit.take("ann", 0.5)
    assert caught.value.retry_after_s == 1
    assert left(limit.take("ann", 1.0)) == (0, 1)
    assert left(limit.take("bob", 1.0))[0] == 2, "everybody has a bucket of his own"
    assert limit.policy == '"user";q=3;w=3'


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limits, "MAX_BUCKETS", 10)
    limit = Limit("user", 1, 1)
    for number in range(25):
        limit.take(f"user-{number}", 0.0)
    assert (len(limit), limit.num_forgotten) == (10, 15)


def test_who_is_active_is_not_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """A flood of strangers does not give somebody who is over the rate a new beginning."""
    monkeypatch.setattr(rate_limits, "MAX_BUCKETS", 10)
    limit = Limit("user", 0.001, 1)
    limit.take("ann", 0.0)
    for number in range(100):
        limit.take(f"user-{number}", 0.0)
        with pytest.raises(RateExceeded):
            limit.take("ann", 0.0)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_what_counts_as_one_caller(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_rate_of_zero_is_no_limit() -> None:
    limits = RateLimits(RestConfig(rate_per_address_per_s=0, rate_per_user_per_s=0), FakeClock())
    assert [limits.take_for_address("192.0.2.1") for _ in range(1_000)] == [{}] * 1_000
    assert limits.take_for_user("ann") == {}
    assert limits.num_forgotten == 0


def test_both_limits_count_apart() -> None:
    clock = FakeClock()
    config = RestConfig(rate_per_address_per_s=1, burst_per_address=1, rate_per_user_per_s=1, burst_per_user=1)
    limits = RateLimits(config, clock)
    limits.take_for_address("192.0.2.1")
    limits.take_for_user("192.0.2.1")
    for take in (limits.take_for_address, limits.take_for_user):
        with pytest.raises(RateExceeded):
            take("192.0.2.1")
    clock.advance(1)
    limits.take_for_address("192.0.2.1")
