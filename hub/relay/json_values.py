"""Single values out of raw JSON: what a path leads to, as text. Pure; only what is on the way is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw

if TYPE_CHECKING:
    from collections.abc import Sequence

_OBJECT: Final = msgspec.json.Decoder(dict[str, Raw])
_LIST: Final = msgspec.json.Decoder(list[Raw])
_TEXT: Final = msgspec.json.Decoder(str)


def text_of(raw: Raw) -> str | None:
    """A string as it is, a number or boolean as it is written, None for null.

    Raises:
        ValueError: an object, a list, or a string that no Unicode text can be made of.
    """
    value = bytes(raw).strip()
    first = value[:1]
    if first == b'"':
        try:
            return _TEXT.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise ValueError("is no Unicode text") from exc
    if first in (b"{", b"["):
        raise ValueError("is an object or a list, where a string, a number or a boolean is needed")
    return None if value == b"null" else value.decode("ascii")


def value_at(raw: Raw, path: Sequence[str]) -> Raw | None:
    """What member names, and positions in lists, lead to; None where they lead nowhere."""
    found: Raw | None = raw
    for step in path:
        if found is None:
            return None
        found = _step(found, step)
    return found


def members_of(raw: Raw) -> dict[str, Raw]:
    """The members of an object; none for any other value."""
    value = bytes(raw)
    return _OBJECT.decode(value) if value.lstrip()[:1] == b"{" else {}


def _step(raw: Raw, step: str) -> Raw | None:
    value = bytes(raw).lstrip()
    if value[:1] == b"{":
        return _OBJECT.decode(value).get(step)
    if value[:1] == b"[" and step.isdecimal() and step.isascii():
        items, position = _LIST.decode(value), int(step)
        return items[position] if position < len(items) else None
    return None
