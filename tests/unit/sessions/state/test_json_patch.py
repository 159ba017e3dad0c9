"""JSON Patch: the RFC's own examples, the library's answers, and what a hostile patch may not do."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec import Raw

from sessions.state.json_patch import MAX_COPIED_BYTES, BadPatch, PatchFailed, apply_patch, read_patch
from sessions.state.json_tree import encoded
from tests.support.json_patching import DoesNotApply, patched

MAX_OPERATIONS = 256
FAILS = None

# RFC 6902, appendix A, by section; None: the patch does not apply.
RFC = {
    "A.1 add a member": ('{"foo":"bar"}', '[{"op":"add","path":"/baz","value":"qux"}]', '{"foo":"bar","baz":"qux"}'),
    "A.2 add an element": (
        '{"foo":["bar","baz"]}',
        '[{"op":"add","path":"/foo/1","value":"qux"}]',
        '{"foo":["bar","qux","baz"]}',
    ),
    "A.3 remove a member": ('{"baz":"qux","foo":"bar"}', '[{"op":"remove","path":"/baz"}]', '{"foo":"bar"}'),
    "A.4 remove an element": (
        '{"foo":["bar","qux","baz"]}',
        '[{"op":"remove","path":"/foo/1"}]',
        '{"foo":["bar","baz"]}',
    ),
    "A.5 replace": (
        '{"baz":"qux","foo":"bar"}',
        '[{"op":"replace","path":"/baz","value":"boo"}]',
        '{"baz":"boo","foo":"bar"}',
    ),
    "A.6 move a member": (
        '{"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}}',
        '[{"op":"move","from":"/foo/waldo","path":"/qux/thud"}]',
        '{"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}}',
    ),
    "A.7 move an element": (
        '{"foo":["all","grass","cows","eat"]}',
        '[{"op":"move","from":"/foo/1","path":"/foo/3"}]',
        '{"foo":["all","cows","eat","grass"]}',
    ),
    "A.8 test": (
        '{"baz":"qux","foo":["a",2,"c"]}',
        '[{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}]',
        '{"baz":"qux","foo":["a",2,"c"]}',
    ),
    "A.9 test fails": ('{"baz":"qux"}', '[{"op":"test","path":"/baz","value":"bar"}]', FAILS),
    "A.10 add a nested member": (
        '{"foo":"bar"}',
        '[{"op":"add","path":"/child","value":{"grandchild":{}}}]',
        '{"foo":"bar","child":{"grandchild":{}}}',
    ),
    "A.11 unknown members": (
        '{"foo":"bar"}',
        '[{"op":"add","path":"/baz","value":"qux","xyz":123}]',
        '{"foo":"bar","baz":"qux"}',
    ),
    "A.12 no parent": ('{"foo":"bar"}', '[{"op":"add","path":"/baz/bat","value":"qux"}]', FAILS),
    "A.14 escapes": ('{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":10}]', '{"/":9,"~1":10}'),
    "A.15 strings and numbers": ('{"/":9,"~1":10}', '[{"op":"test","path":"/~01","value":"10"}]', FAILS),
    "A.16 add to the end": (
        '{"foo":["bar"]}',
        '[{"op":"add","path":"/foo/-","value":["abc","def"]}]',
        '{"foo":["bar",["abc","def"]]}',
    ),
}

CASES = {
    "the whole document": ('{"a":1}', '[{"op":"replace","path":"","value":[1]}]', "[1]"),
    "copy is a copy": (
        '{"a":{"x":1}}',
        '[{"op":"copy","from":"/a","path":"/b"},{"op":"replace","path":"/b/x","value":2}]',
        '{"a":{"x":1},"b":{"x":2}}',
    ),
    "move onto itself": ('{"a":1}', '[{"op":"move","from":"/a","path":"/a"}]', '{"a":1}'),
    "move into itself": ('{"a":{"b":1}}', '[{"op":"move","from":"/a","path":"/a/b"}]', FAILS),
    "move the document into itself": ('{"a":1}', '[{"op":"move","from":"","path":"/a"}]', FAILS),
    "nothing is left": ('{"a":1}', '[{"op":"remove","path":""}]', FAILS),
    "remove and make anew": (
        '{"a":1}',
        '[{"op":"remove","path":""},{"op":"add","path":"","value":{"b":2}}]',
        '{"b":2}',
    ),
    "the end can only be added to": ("[1]", '[{"op":"replace","path":"/-","value":2}]', FAILS),
    "an index with a leading zero": ("[1,2]", '[{"op":"remove","path":"/01"}]', FAILS),
    "a negative index": ("[1,2]", '[{"op":"remove","path":"/-1"}]', FAILS),
    "another digit one": ("[1,2]", '[{"op":"remove","path":"/\u0661"}]', FAILS),
    "beyond the end": ("[1,2]", '[{"op":"add","path":"/3","value":3}]', FAILS),
    "replace what is not there": ("{}", '[{"op":"replace","path":"/a","value":1}]', FAILS),
    "inside a string": ('{"a":"text"}', '[{"op":"add","path":"/a/0","value":1}]', FAILS),
    "the empty name": ('{"":{"":1}}', '[{"op":"replace","path":"//","value":2}]', '{"":{"":2}}'),
    "names of JavaScript": (
        "{}",
        '[{"op":"add","path":"/__proto__","value":{}},{"op":"add","path":"/__proto__/constructor","value":1}]',
        '{"__proto__":{"constructor":1}}',
    ),
    "a null is a value": ('{"a":1}', '[{"op":"add","path":"/a","value":null}]', '{"a":null}'),
    "numbers are equal by value": ("[1.0,1e2]", '[{"op":"test","path":"","value":[1,100]}]', "[1.0,1e2]"),
    "numbers beyond doubles differ": (
        "[9007199254740993]",
        '[{"op":"test","path":"/0","value":9007199254740992}]',
        FAILS,
    ),
    "numbers beyond decimals": (
        "[1e99999999999999999999]",
        '[{"op":"test","path":"/0","value":2e99999999999999999999}]',
        FAILS,
    ),
    "a boolean is no number": ("[1,true]", '[{"op":"test","path":"","value":[true,1]}]', FAILS),
    "null is not false": ("[null]", '[{"op":"test","path":"/0","value":false}]', FAILS),
    "members have no order": ('{"a":1,"b":2}', '[{"op":"test","path":"","value":{"b":2,"a":1}}]', '{"a":1,"b":2}'),
    "one member more": ('{"a":1}', '[{"op":"test","path":"","value":{"a":1,"b":2}}]', FAILS),
    "an escape is the character": ('["é"]', '[{"op":"test","path":"/0","value":"\\u00e9"}]', '["é"]'),
}


def apply_text(value: str | None, patch: str) -> str:
    operations = read_patch(patch.encode(), MAX_OPERATIONS)
    return encoded(apply_patch(None if value is None else Raw(value.encode()), operations)).decode()


@pytest.mark.parametrize("case", [pytest.param(case, id=name) for name, case in (RFC | CASES).items()])
def test_it_does_what_the_rfc_says(case: tuple[str, str, str | None]) -> None:
    value, patch, result = case
    if result is FAILS:
        with pytest.raises(PatchFailed):
            apply_text(value, patch)
    else:
        assert apply_text(value, patch) == result


def test_a_failure_names_the_operation_and_changes_nothing() -> None:
    value = Raw(b'{"a":{"b":1}}')
    operations = read_patch(b'[{"op":"add","path":"/a/c","value":2},{"op":"remove","path":"/x"}]', MAX_OPERATIONS)

    with pytest.raises(PatchFailed) as failure:
        apply_patch(value, operations)

    assert failure.value.index == 1
    assert bytes(value) == b'{"a":{"b":1}}'


def test_a_document_that_is_not_there_can_only_be_added() -> None:
    assert apply_text(None, '[{"op":"add","path":"","value":{}},{"op":"add","path":"/a","value":1}]') == '{"a":1}'
    with pytest.raises(PatchFailed):
        apply_text(None, '[{"op":"add","path":"/a","value":1}]')


@pytest.mark.parametrize("number", ["1.0", "1e2", "18446744073709551617", "0.10", "-0", "1e400", "9" * 5_000])
def test_numbers_keep_their_spelling(number: str) -> None:
    value = f'{{"kept":{number},"list":[{number},{{"kept":{number}}}]}}'
    patch = (
        f'[{{"op":"test","path":"/kept","value":{number}}},{{"op":"copy","from":"/kept","path":"/list/-"}},'
        '{"op":"move","from":"/list/1","path":"/moved"}]'
    )

    assert apply_text(value, patch) == (f'{{"kept":{number},"list":[{number},{number}],"moved":{{"kept":{number}}}}}')


@pytest.mark.parametrize(
    ("patch", "index"),
    [
        ("{}", -1),
        ("[1]", 0),
        ('[{"op":"add","path":"/a","value":1},{"op":"add","path":"/a"}]', 1),
        ('[{"op":"copy","path":"/a"}]', 0),
        ('[{"op":"move","path":"/a"}]', 0),
        ('[{"op":"merge","path":"/a","value":1}]', 0),
        ('[{"op":"remove","path":"a"}]', 0),
        ('[{"op":"remove","path":"/a~2"}]', 0),
        ('[{"op":"remove","path":"/a~"}]', 0),
        ('[{"op":"move","from":"a","path":"/b"}]', 0),
        ('[{"op":"remove"}]', 0),
        ('[{"op":"remove","path":7}]', 0),
        ("[" + ",".join(['{"op":"remove","path":"/a"}'] * (MAX_OPERATIONS + 1)) + "]", -1),
    ],
)
def test_what_is_no_patch_is_refused_with_its_operation(patch: str, index: int) -> None:
    with pytest.raises(BadPatch) as refusal:
        read_patch(patch.encode(), MAX_OPERATIONS)

    assert refusal.value.index == index


def test_copies_cannot_double_a_document_without_end() -> None:
    doubling = '{"op":"copy","from":"/a","path":"/a/-"}'

    with pytest.raises(PatchFailed) as failure:
        apply_text('{"a":["seed"]}', "[" + ",".join([doubling] * 200) + "]")

    assert str(MAX_COPIED_BYTES) in str(failure.value)


# --- against the library ----------------------------------------------------------------------------------------------

LEAVES = st.none() | st.integers(-2, 2) | st.sampled_from(["", "x"])
VALUES = st.recursive(
    LEAVES,
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.sampled_from("ab"), children, max_size=2),
    max_leaves=8,
)
PATHS = st.lists(st.sampled_from(["a", "b", "0", "1", "2", "-"]), max_size=3).map(
    lambda tokens: "".join(f"/{token}" for token in tokens)
)
OPERATIONS = st.one_of(
    st.builds(
        lambda op, path, value: {"op": op, "path": path, "value": value},
        st.sampled_from(["add", "replace", "test"]),
        PATHS,
        VALUES,
    ),
    st.builds(lambda path: {"op": "remove", "path": path}, PATHS),
    st.builds(
        lambda op, source, path: {"op": op, "from": source, "path": path},
        st.sampled_from(["move", "copy"]),
        PATHS,
        PATHS,
    ),
)


def touches_the_root(operation: dict[str, Any]) -> bool:
    """Where the library goes its own ways, and our cases above say what is right."""
    return operation["path"] == "" or operation.get("from") == ""


@given(
    VALUES.filter(lambda value: isinstance(value, dict | list)),
    st.lists(OPERATIONS.filter(lambda operation: not touches_the_root(operation)), max_size=4),
)
@example([1, 2], [{"op": "add", "path": "/2", "value": 3}])
def test_it_agrees_with_the_library(value: Any, operations: list[dict[str, Any]]) -> None:
    try:
        expected = patched(value, operations)
    except DoesNotApply:
        with pytest.raises(PatchFailed):
            apply_text(json.dumps(value), json.dumps(operations))
    else:
        assert json.loads(apply_text(json.dumps(value), json.dumps(operations))) == expected
