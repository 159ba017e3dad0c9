"""JSON of unknown origin: what a document may hold, and in which spelling."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sessions.state.json_tree import BadJSON, clean_json, is_equal, require_depth

MAX_DEPTH = 32

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(), children, max_size=4),
    max_leaves=20,
)


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        (
            b' { "a" : [ 1.0 , 1e2 ,\t18446744073709551617 ] ,\r\n "b" : "x  y" } ',
            b'{"a":[1.0,1e2,18446744073709551617],"b":"x  y"}',
        ),
        (b'"\\ud83d\\ude00"', b'"\\ud83d\\ude00"'),
        (b'{"a\\ud800":"\\udc00"}', b'{"a\\ufffd":"\\ufffd"}'),
        (b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}', b'{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}'),
        (b"[" + b"9" * 300 + b',{"a":1,"b":2}]', b"[" + b"9" * 300 + b',{"a":1,"b":2}]'),
        (b"0." + b"9" * 4_000, b"0." + b"9" * 4_000),
        (b"[1e308,-1.7e+308,1e-400,1e00000001]", b"[1e308,-1.7e+308,1e-400,1e00000001]"),
        (b'{"1e400":"1e400"}', b'{"1e400":"1e400"}'),
        (nested(MAX_DEPTH), nested(MAX_DEPTH)),
        (b"[" + b'"[[[[",' * 50 + b"1]", b"[" + b'"[[[[",' * 50 + b"1]"),
        (b"null", b"null"),
    ],
)
def test_what_is_allowed_keeps_its_spelling(text: bytes, clean: bytes) -> None:
    assert clean_json(text, MAX_DEPTH) == clean


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b"{} {}",
        b"NaN",
        b"[Infinity]",
        b"01",
        b"{'a':1}",
        b'"\x00"',
        b'"\xff"',
        b"[1,]",
        nested(MAX_DEPTH + 1),
        b"[" * 50_000,
        b"[" * 30_000 + b"]" * 30_000,
    ],
)
def test_what_is_not_json_or_too_deep_is_refused(text: bytes) -> None:
    with pytest.raises(BadJSON):
        clean_json(text, MAX_DEPTH)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a":1,"a":2}',
        b'{"a":1,"\\u0061":2}',
        b'[{"x":{"a":1,"b":2,"a":3}}]',
        b'{"":1,"":1}',
        b'{"\\ud800":1,"\\ud801":2}',
    ],
)
def test_a_name_that_occurs_twice_is_refused(text: bytes) -> None:
    """Parsers differ in which one they take: two devices would see two documents."""
    with pytest.raises(BadJSON, match="twice"):
        clean_json(text, MAX_DEPTH)


@pytest.mark.parametrize(
    "number", [b"1e400", b"-1E+400", b"1e0000309", b"0.1e310", b"9" * 309, b"-" + b"9" * 4_000, b"9" * 250 + b"e60"]
)
@pytest.mark.parametrize("around", [b"%s", b'{"a":1,"b":[%s]}'])
def test_a_number_that_no_double_holds_is_refused(number: bytes, around: bytes) -> None:
    """JavaScript reads Infinity and writes null: its replicas would part from ours."""
    with pytest.raises(BadJSON, match="double"):
        clean_json(around % number, MAX_DEPTH)


@given(st.floats(allow_nan=False), st.integers(-400, 400), st.text(alphabet="0123456789", max_size=320))
def test_every_other_number_is_let_pass(number: float, exponent: int, digits: str) -> None:
    text = f"1{digits}.5e{exponent}" if math.isinf(number) else f"{number!r}"
    if math.isinf(float(text)):
        with pytest.raises(BadJSON):
            clean_json(text.encode(), MAX_DEPTH)
    else:
        assert clean_json(text.encode(), MAX_DEPTH) == text.encode()


@given(JSON)
def test_cleaning_changes_no_value_and_is_done_once(value: Any) -> None:
    text = json.dumps(value, ensure_ascii=False).encode()

    clean = clean_json(text, MAX_DEPTH)

    assert json.loads(clean) == value
    assert clean_json(clean, MAX_DEPTH) == clean


@given(JSON)
def test_depth_is_counted(value: Any) -> None:
    text = json.dumps(value).encode()
    depth = depth_of(value)

    require_depth(text, depth)
    if depth:
        with pytest.raises(BadJSON):
            require_depth(text, depth - 1)


def depth_of(value: Any) -> int:
    """How many arrays and objects are around the innermost value."""
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(JSON, JSON)
def test_equality_is_that_of_the_values(one: Any, other: Any) -> None:
    def raw(value: Any) -> Raw:
        return Raw(json.dumps(value).encode())

    assert is_equal(raw(one), raw(one))
    assert is_equal(raw(one), raw(other)) == is_equal(raw(other), raw(one))
    if is_equal(raw(one), raw(other)):
        assert one == other
