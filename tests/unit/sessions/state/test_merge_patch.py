"""JSON Merge Patch: the RFC's own table, and what a general implementation would lose."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from sessions.state.json_tree import encoded
from sessions.state.merge_patch import merge
from tests.support.json_patching import merged

# RFC 7396, appendix A.
TABLE = [
    ('{"a":"b"}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"b"}', '{"b":"c"}', '{"a":"b","b":"c"}'),
    ('{"a":"b"}', '{"a":null}', "{}"),
    ('{"a":"b","b":"c"}', '{"a":null}', '{"b":"c"}'),
    ('{"a":["b"]}', '{"a":"c"}', '{"a":"c"}'),
    ('{"a":"c"}', '{"a":["b"]}', '{"a":["b"]}'),
    ('{"a":{"b":"c"}}', '{"a":{"b":"d","c":null}}', '{"a":{"b":"d"}}'),
    ('{"a":[{"b":"c"}]}', '{"a":[1]}', '{"a":[1]}'),
    ('["a","b"]', '["c","d"]', '["c","d"]'),
    ('{"a":"b"}', '["c"]', '["c"]'),
    ('{"a":"foo"}', "null", "null"),
    ('{"a":"foo"}', '"bar"', '"bar"'),
    ('{"e":null}', '{"a":1}', '{"e":null,"a":1}'),
    ("[1,2]", '{"a":"b","c":null}', '{"a":"b"}'),
    ("{}", '{"a":{"bb":{"ccc":null}}}', '{"a":{"bb":{}}}'),
]

NAMES = st.sampled_from(["a", "b", "__proto__", "ключ", ""])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from(["", "x"]),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(NAMES, children, max_size=3),
    max_leaves=10,
)


def merge_text(value: str | None, patch: str) -> str:
    return encoded(merge(None if value is None else Raw(value.encode()), Raw(patch.encode()))).decode()


def text(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize(("value", "patch", "result"), TABLE)
def test_it_does_what_the_rfc_says(value: str, patch: str, result: str) -> None:
    assert merge_text(value, patch) == result


@given(VALUES, VALUES)
def test_it_does_what_the_rfcs_algorithm_does(value: Any, patch: Any) -> None:
    assert json.loads(merge_text(text(value), text(patch))) == merged(value, patch)


@given(VALUES)
def test_what_is_not_there_yet_is_made_without_nulls(patch: Any) -> None:
    assert json.loads(merge_text(None, text(patch))) == merged(None, patch)


@given(VALUES, VALUES)
def test_a_patch_applied_twice_is_applied_once(value: Any, patch: Any) -> None:
    once = merge_text(text(value), text(patch))

    assert json.loads(merge_text(once, text(patch))) == json.loads(once)


@pytest.mark.parametrize("number", ["1.0", "1e2", "18446744073709551617", "0.10", "-0", "1e400", "9" * 5_000])
def test_numbers_keep_their_spelling(number: str) -> None:
    value = f'{{"kept":{number},"deep":{{"kept":[{number}]}}}}'

    assert merge_text(value, f'{{"new":{number},"deep":{{"x":1}}}}') == (
        f'{{"kept":{number},"deep":{{"kept":[{number}],"x":1}},"new":{number}}}'
    )


def test_what_was_merged_into_is_left_alone() -> None:
    value = merge(Raw(b'{"a":{"b":1}}'), Raw(b'{"a":{"c":2}}'))
    before = encoded(value)

    merge(value, Raw(b'{"a":{"b":null},"d":3}'))

    assert encoded(value) == before
