"""When something was published, as it travels with the publication: our member of its `tracestate`. Pure.

Source: W3C Trace Context level 2, section 3.3: whoever changes a list puts its own member first, and may drop the last
ones of one that is too long.
"""

from __future__ import annotations

from typing import Final

from hub.tracing import MAX_TRACESTATE_CHARS

MEMBER: Final = "syncline"
_PREFIX: Final = f"{MEMBER}="
_MAX_MEMBERS: Final = 32
_MAX_DIGITS: Final = 11
"""Of a time in base 36: until the year 4000 and something it has nine."""

_DIGITS: Final = "0123456789abcdefghijklmnopqrstuvwxyz"


def stamped(state: str, published_ms: int) -> str:
    """A `tracestate` that also tells the time of publishing, in milliseconds since the epoch."""
    members = [f"{_PREFIX}{_in_base_36(max(0, published_ms))}", *_others(state)][:_MAX_MEMBERS]
    while len(",".join(members)) > MAX_TRACESTATE_CHARS:
        members.pop()
    return ",".join(members)


def published_ms_in(state: str) -> int | None:
    """What `stamped` has written, None where it has not."""
    for member in state.split(","):
        text = member.strip()
        if text.startswith(_PREFIX):
            return _from_base_36(text.removeprefix(_PREFIX))
    return None


def _others(state: str) -> list[str]:
    members = (member.strip() for member in state.split(","))
    return [member for member in members if member and not member.startswith(_PREFIX)]


def _in_base_36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = _DIGITS[rest] + digits
    return digits


def _from_base_36(text: str) -> int | None:
    if len(text) > _MAX_DIGITS or not text or not set(text) <= set(_DIGITS):
        return None
    return int(text, 36)
