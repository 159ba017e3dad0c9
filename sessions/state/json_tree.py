"""JSON that is opened only where it is looked into, so that whatever nobody touches keeps its exact spelling.

A number that passed through Python would come out as another one (1.0 and 1, 2**70, 0.10); here it stays the bytes it
was. A tree is Raw where it is closed, a dict or a list of trees where it is open.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Raw

from hub.errors import ReplyError
from hub.payload import is_deeper, parse_payload
from hub.protocol.surrogates import mend_surrogates

Members = dict[str, Any]
Tree = Raw | Members | list[Any]

NULL = Raw(b"null")
OBJECT, ARRAY = b"{["
"""What `kind_of` says of them."""

_MEMBERS = msgspec.json.Decoder(dict[str, Raw])
_ITEMS = msgspec.json.Decoder(list[Raw])
_SHAPES = bytes.maketrans(b"123456789E", b"000000000e")
_LARGE, _LARGE_SIGNED, _LONG = b"0e000", b"0e+000", b"0" * 200
"""What a number looks like that may be too large for a double, with all digits as zeros: 200 digits and an exponent of
two are not yet. Bytes are found ten times as fast as a regular expression is."""

_STRINGS = re.compile(rb'"(?:[^"\\]++|\\.)*+"')  # possessive: linear, and without a stack
_WHITESPACE = (b" ", b"\t", b"\n", b"\r")


class BadJSON(ValueError):
    """It is not JSON that a document may hold; the text says why, in words fit for a client."""


def clean_json(data: bytes | Raw, max_depth: int) -> bytes:
    """Check JSON of unknown origin and return it without whitespace, otherwise as it was spelled.

    A half surrogate is mended as everywhere else (hub.protocol.surrogates). Refused is what parsers disagree about:
    names that occur twice in an object, and numbers that no double holds, which JavaScript reads as Infinity.

    Raises:
        BadJSON: not one JSON value in UTF-8, nested too deeply, with a name twice, or with a number too large.
    """
    text = bytes(data)
    if b"\\u" in text:
        text = mend_surrogates(text)
    try:
        text = bytes(parse_payload(text))
    except ReplyError as exc:
        raise BadJSON("not one JSON value, or nested too deeply") from exc
    require_depth(text, max_depth)
    if text.count(b":") > 1:
        _require_unique_names(text)
    if _may_be_too_large(text) and _may_be_too_large(_STRINGS.sub(b"", text)):
        _FINITE.decode(text.decode())
    return msgspec.json.format(text, indent=-1) if any(space in text for space in _WHITESPACE) else text


def _may_be_too_large(text: bytes) -> bool:
    shapes = text.translate(_SHAPES)
    return _LARGE in shapes or _LARGE_SIGNED in shapes or _LONG in shapes


def require_depth(text: bytes, max_depth: int) -> None:
    """Raises: BadJSON: valid JSON nested deeper than this."""
    if is_deeper(text, max_depth):
        raise BadJSON(f"nested deeper than {max_depth}")


def kind_of(raw: Raw) -> int:
    """The first byte, which tells what a closed value is."""
    return memoryview(raw)[0]


def opened(tree: Tree) -> Members | list[Any] | None:
    """Its members or items, None for what has none. Of a closed tree they are new: nothing else changes with them."""
    if not isinstance(tree, Raw):
        return tree
    kind = kind_of(tree)
    if kind == OBJECT:
        return _MEMBERS.decode(tree)
    if kind == ARRAY:
        return _ITEMS.decode(tree)
    return None


def encoded(tree: Tree) -> bytes:
    return bytes(tree) if isinstance(tree, Raw) else msgspec.json.encode(tree)


def is_equal(one: Tree, other: Tree) -> bool:
    """As RFC 6902 section 4.6 compares: numbers by value, objects without order, and no type taken for another."""
    if isinstance(one, Raw) and isinstance(other, Raw) and one == other:
        return True
    ones, others = opened(one), opened(other)
    if isinstance(ones, dict) and isinstance(others, dict):
        return ones.keys() == others.keys() and all(is_equal(ones[name], others[name]) for name in ones)
    if isinstance(ones, list) and isinstance(others, list):
        return len(ones) == len(others) and all(map(is_equal, ones, others))
    if isinstance(one, Raw) and isinstance(other, Raw) and ones is None and others is None:
        return _is_equal_scalar(bytes(one), bytes(other))
    return False


def _is_equal_scalar(one: bytes, other: bytes) -> bool:
    if one[:1] == b'"' and other[:1] == b'"':
        return bool(msgspec.json.decode(one) == msgspec.json.decode(other))
    if one[:1] in b'"tfn' or other[:1] in b'"tfn':
        return False  # the literals have one spelling, and it was compared
    try:
        return Decimal(one.decode()) == Decimal(other.decode())
    except ArithmeticError:  # an exponent that no Decimal holds
        return False


def _require_unique_names(text: bytes) -> None:
    try:
        _UNIQUE.decode(text.decode())
    except _NameTwice as exc:
        raise BadJSON(f"the name {exc.name[:64]!r} occurs twice in an object") from exc


class _NameTwice(Exception):
    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        (name, _), *_ = (Counter(name for name, _ in pairs)).most_common(1)
        raise _NameTwice(name)
    return members


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise BadJSON("a number that no double holds")
    return value


_FINITE = json.JSONDecoder(parse_int=_finite, parse_float=_finite)

# `parse_int=float`: the values are thrown away, and Python refuses integers of more than 4,300 digits.
_UNIQUE = json.JSONDecoder(object_pairs_hook=_unique, parse_int=float)
