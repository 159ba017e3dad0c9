"""Durations as Go writes them: "25s", "1m30s", "300ms", "720h". Pure.

Grammar of Go's time.ParseDuration without the sign: no option takes a negative duration.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

NS_PER_S: Final = 1_000_000_000
MAX_NS: Final = 2**63 - 1
"""Go's limit, about 292 years."""

_NS_PER_UNIT: Final = {
    "h": 3600 * NS_PER_S,
    "m": 60 * NS_PER_S,
    "s": NS_PER_S,
    "ms": 1_000_000,
    "us": 1000,
    "µs": 1000,
    "μs": 1000,
    "ns": 1,
}
_TERM: Final = re.compile(r"([0-9]+\.?[0-9]*|\.[0-9]+)(ns|us|µs|μs|ms|s|m|h)")
_DURATION: Final = re.compile(rf"(?:{_TERM.pattern})+")
_SUBSECOND_UNITS: Final = ("ms", "us", "ns")


def parse_duration(text: str) -> float:
    """Seconds of a duration; exact to the nanosecond before it becomes a float.

    Raises:
        ValueError: not a duration, negative, or above MAX_NS.
    """
    return parse_duration_ns(text) / NS_PER_S


def parse_duration_ns(text: str) -> int:
    """As parse_duration, in nanoseconds; parts of one are cut off."""
    if text == "0":
        return 0
    if _DURATION.fullmatch(text) is None:
        raise ValueError('must be a duration such as "25s", "1m30s", "300ms" or "720h"')
    total = int(sum(Decimal(amount) * _NS_PER_UNIT[unit] for amount, unit in _TERM.findall(text)))
    if total > MAX_NS:
        raise ValueError("is longer than 292 years")
    return total


def format_duration(seconds: float) -> str:
    """The shortest way to write a duration; parse_duration reads it back."""
    return format_duration_ns(round(seconds * NS_PER_S))


def format_duration_ns(total: int) -> str:
    if total and total < NS_PER_S:
        unit = next(unit for unit in _SUBSECOND_UNITS if total % _NS_PER_UNIT[unit] == 0)
        return f"{total // _NS_PER_UNIT[unit]}{unit}"
    minutes, rest = divmod(total, _NS_PER_UNIT["m"])
    hours, minutes = divmod(minutes, 60)
    parts = [f"{hours}h" if hours else "", f"{minutes}m" if minutes else "", _format_seconds(rest) if rest else ""]
    return "".join(parts) or "0s"


def _format_seconds(rest: int) -> str:
    whole, fraction = divmod(rest, NS_PER_S)
    return f"{whole}.{fraction:09d}".rstrip("0").rstrip(".") + "s"
