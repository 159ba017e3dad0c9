"""Half an emoji: JSON may escape one surrogate without its partner, and JavaScript does for a string cut in two.

It is legal JSON and no Unicode text. Parsers differ: Go and JavaScript replace or keep it, msgspec refuses it.
"""

from __future__ import annotations

import re

_ESCAPES = re.compile(
    rb"\\(?:"
    rb"u(?P<high>[dD][89abAB][0-9a-fA-F]{2})(?P<low>\\u[dD][c-fC-F][0-9a-fA-F]{2})?"
    rb"|u(?P<stray>[dD][c-fC-F][0-9a-fA-F]{2})"
    rb"|.)"  # any other escape, so that the backslash of a \\ is not taken for the start of one
)


def mend_surrogates(text: bytes) -> bytes:
    """Replace every escaped surrogate that has no partner by the replacement character, as Go does."""
    return _ESCAPES.sub(_mend, text)


def _mend(escape: re.Match[bytes]) -> bytes:
    is_half = escape["stray"] or (escape["high"] and not escape["low"])
    return rb"\ufffd" if is_half else escape[0]
