from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings.duration import MAX_NS, format_duration, format_duration_ns, parse_duration, parse_duration_ns


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("0s", 0),
        ("25s", 25),
        ("1m30s", 90),
        ("300ms", 0.3),
        ("720h", 2_592_000),
        ("1.5h", 5400),
        (".5s", 0.5),
        ("1.s", 1),
        ("1h2m3s4ms", 3723.004),
        ("10us", 1e-5),
        ("10µs", 1e-5),  # micro sign
        ("10μs", 1e-5),  # Greek mu
        ("1s1s", 2),
    ],
)
def test_reads_what_go_reads(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "25", "s", "-1s", "+1s", "1d", "1 s", " 1s", "1s ", "1S", "1e3s", "٣s", "1..5s"])
def test_refuses_what_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match='such as "25s"'):
        parse_duration(text)


def test_refuses_more_than_go_can_hold() -> None:
    assert parse_duration_ns(f"{MAX_NS}ns") == MAX_NS
    with pytest.raises(ValueError, match="292 years"):
        parse_duration_ns(f"{MAX_NS + 1}ns")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (1, "1s"),
        (25, "25s"),
        (90, "1m30s"),
        (0.3, "300ms"),
        (2_592_000, "720h"),
        (3600.5, "1h0.5s"),
        (1e-6, "1us"),
    ],
)
def test_writes_the_shortest_form(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@given(st.integers(0, MAX_NS))
def test_reads_back_what_it_writes(nanoseconds: int) -> None:
    assert parse_duration_ns(format_duration_ns(nanoseconds)) == nanoseconds


@given(st.text(alphabet="0123456789.hmsuµn -", max_size=12))
def test_raises_nothing_but_value_error(text: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_duration(text) >= 0
