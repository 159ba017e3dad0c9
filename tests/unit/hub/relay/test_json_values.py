from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from hub.relay.json_values import members_of, text_of, value_at

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=10)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "0"]), inner, max_size=3),
    max_leaves=10,
)
STEPS = st.lists(st.sampled_from(["a", "b", "0", "1", "2"]), max_size=4)


def walked(tree: Any, steps: list[str]) -> Any:
    for step in steps:
        if isinstance(tree, dict):
            tree = tree.get(step)
        elif isinstance(tree, list) and step.isdecimal() and int(step) < len(tree):
            tree = tree[int(step)]
        else:
            return None
    return tree


@given(TREES, STEPS)
def test_a_path_leads_where_it_does_in_the_decoded_tree(tree: Any, steps: list[str]) -> None:
    found = value_at(Raw(json.dumps(tree).encode()), steps)
    assert (None if found is None else json.loads(bytes(found))) == walked(tree, steps)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b'"a"', "a"),
        (b' "a" ', "a"),
        (rb'"\u00e9\n"', "é\n"),
        (b"1.50", "1.50"),
        (b"-12345678901234567890", "-12345678901234567890"),
        (b"true", "true"),
        (b"null", None),
        (b'""', ""),
    ],
)
def test_a_single_value_is_text_as_it_was_written(raw: bytes, expected: str | None) -> None:
    assert text_of(Raw(raw)) == expected


@pytest.mark.parametrize("raw", [b"{}", b"[1]", b' {"a":1}', b'"\xff"'])
def test_anything_else_has_no_text(raw: bytes) -> None:
    with pytest.raises(ValueError, match="is "):
        text_of(Raw(raw))


def test_only_objects_have_members() -> None:
    assert members_of(Raw(b' {"a": 1}')) == {"a": Raw(b"1")}
    assert members_of(Raw(b"[1]")) == {}


def test_digits_of_other_scripts_are_no_positions() -> None:
    assert value_at(Raw(b"[1]"), ["\u0660"]) is None
