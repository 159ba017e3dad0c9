from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.errors import ReplyError
from hub.payload import MAX_DEPTH, MAX_DIGITS, clean_payload, parse_payload
from hub.protocol.codes import BAD_REQUEST

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(
    ["[{", "]}\\", '"', "\n\r", "\u2028"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=15,
)
INDENTS = st.sampled_from([None, 0, 1, "\t", "\n", "\r\n "])


def depth_of(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(depth_of, inner), default=0)


def nested(depth: int, opening: str = "[", closing: str = "]", inside: str = "") -> bytes:
    return (opening * depth + inside + closing * depth).encode()


def assert_refused(data: bytes) -> None:
    for check in (clean_payload, parse_payload):
        with pytest.raises(ReplyError) as refusal:
            check(data)
        assert refusal.value.error is BAD_REQUEST


@given(VALUES, INDENTS, st.booleans())
@example("\n", None, True)
@example({"a": [1.50, -0.0, 1e300, 10**30]}, "\n", False)
def test_a_cleaned_payload_is_the_same_value_on_one_line(value: Any, indent: Any, is_ascii: bool) -> None:
    data = json.dumps(value, indent=indent, ensure_ascii=is_ascii).encode()
    if depth_of(value) > MAX_DEPTH:
        assert_refused(data)
        return
    for clean in (bytes(clean_payload(data)), bytes(parse_payload(data))):
        assert b"\n" not in clean
        assert b"\r" not in clean
        assert json.loads(clean) == value


@given(VALUES, st.booleans())
def test_what_is_on_one_line_is_passed_on_byte_for_byte(value: Any, is_ascii: bool) -> None:
    data = json.dumps(value, ensure_ascii=is_ascii, separators=(" ,", ": ")).encode()
    assert bytes(clean_payload(data)) == data


def test_numbers_keep_their_digits_when_line_breaks_are_taken_out() -> None:
    data = b'[1.50,\n -0.0,\r\n 123456789012345678901234567890, 1E+2, "\\u00e9\\/"\n]'
    assert bytes(clean_payload(data)) == b'[1.50,-0.0,123456789012345678901234567890,1E+2,"\\u00e9\\/"]'


@pytest.mark.parametrize(
    ("opening", "closing", "inside"), [("[", "]", ""), ('{"a":', "}", "0"), ('[{"a":', "}]", '"["')]
)
def test_nesting_is_bounded(opening: str, closing: str, inside: str) -> None:
    per_level = len(opening.replace('"a":', ""))
    assert clean_payload(nested(MAX_DEPTH // per_level, opening, closing, inside))
    assert_refused(nested(MAX_DEPTH // per_level + 1, opening, closing, inside))


@given(st.lists(st.sampled_from(["[", "]", "{", "}", "\\", '"', "é", "a"]), max_size=200))
def test_brackets_inside_strings_do_not_count(pieces: list[str]) -> None:
    text = "".join(pieces)
    data = json.dumps({text: [text]}, ensure_ascii=False).encode()
    assert bytes(clean_payload(data)) == data


def naive_depth(text: str) -> int:
    """The oracle: one character after the other."""
    depth = deepest = 0
    is_string = is_escaped = False
    for character in text:
        if is_string:
            is_string = is_escaped or character != '"'
            is_escaped = character == "\\" and not is_escaped
        elif character == '"':
            is_string = True
        elif character in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "]}":
            depth -= 1
    return deepest


LEVELS = st.sampled_from(
    [("[", "]"), ('["[[",', ',"]]"]'), ('{"{\\"[":', "}"), ("[[],", ",{}]"), ('{"a":["\\\\"],"":', "}")]
)


@given(st.lists(LEVELS, min_size=MAX_DEPTH - 5, max_size=MAX_DEPTH + 3), VALUES, st.booleans())
def test_depth_is_what_counting_bracket_by_bracket_gives(
    levels: list[tuple[str, str]], inside: Any, is_ascii: bool
) -> None:
    opening = "".join(level for level, _ in levels)
    closing = "".join(level for _, level in reversed(levels))
    text = opening + json.dumps(inside, ensure_ascii=is_ascii) + closing
    depth = naive_depth(text)
    assert depth == depth_of(json.loads(text)), "the oracle errs"
    if depth > MAX_DEPTH:
        assert_refused(text.encode())
    else:
        assert bytes(clean_payload(text.encode())) == text.encode()


def test_many_brackets_side_by_side_are_not_deep() -> None:
    data = b"[" + b",".join([b'{"a":[]}'] * 500) + b"]"
    assert bytes(clean_payload(data)) == data


@pytest.mark.parametrize("shape", ["%s", "-%s", "[1,%s]", '{"a":%s}', "%s.5", "1.%s", '{"":[" ",%s]}'])
def test_numbers_that_pythons_json_fails_on_are_refused(shape: str) -> None:
    clean_payload((shape % ("7" * MAX_DIGITS)).encode())
    with pytest.raises(ReplyError) as caught:
        clean_payload((shape % ("7" * (MAX_DIGITS + 1))).encode())
    assert caught.value.error == BAD_REQUEST
    json.loads(shape % ("7" * MAX_DIGITS))


def test_digits_inside_strings_do_not_count() -> None:
    digits = "7" * 3 * MAX_DIGITS
    for text in (f'"{digits}"', f'{{"\\"{digits}":1}}', f'["\\\\","{digits}"]'):
        assert bytes(clean_payload(text.encode())) == text.encode()


@pytest.mark.parametrize(
    "data",
    [
        b'"\xff"',
        b'{"a":"\xc3"}',
        b'"\xed\xa0\x80"',  # a surrogate, encoded
        b'"\xc0\xaf"',  # a slash, longer than need be
        b'"\xf4\x90\x80\x80"',  # beyond Unicode
    ],
)
def test_payloads_are_utf8(data: bytes) -> None:
    """A browser closes a text frame that is not with 1007: one publisher could cut off everybody."""
    assert_refused(data)


@pytest.mark.parametrize("data", [b"", b" ", b"{", b"{}{}", b"{} x", b"nul", b"NaN", b"01", b"'a'", b'{"a":1,}'])
def test_parsing_refuses_what_is_not_one_value(data: bytes) -> None:
    with pytest.raises(ReplyError) as refusal:
        parse_payload(data)
    assert refusal.value.error is BAD_REQUEST


@given(st.binary(max_size=60))
@example(nested(5_000))
@example(b"[" * 100_000)
def test_parsing_anything_gives_a_value_or_error_107(data: bytes) -> None:
    try:
        clean = bytes(parse_payload(data))
    except ReplyError:
        return
    json.loads(clean)
