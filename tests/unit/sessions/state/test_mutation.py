"""What a mutation may be, and what it makes of a value."""

from __future__ import annotations

import pytest

from sessions.config import StateConfig
from sessions.refusal import Kind, Refusal
from sessions.state.mutation import Mutation, applied, checked, require_key

CONFIG = StateConfig(max_document_bytes=200, max_depth=4, max_patch_operations=3)


def mutation(kind: str = "merge", patch: bytes = b"{}", **more: object) -> Mutation:
    known: dict[str, object] = {"key": "cart", "id": "m1", "device": "d1", "kind": kind, "patch": patch}
    return Mutation(**(known | more))  # type: ignore[arg-type]  # the test names what it needs


@pytest.mark.parametrize("key", ["a", "cart", "form.draft-1_x", "...", "x" * 64, "9"])
def test_keys(key: str) -> None:
    require_key(key)


@pytest.mark.parametrize(
    "key", ["", ".", "..", "x" * 65, "a b", "a/b", "a:b", "a#b", "a,b", "é", "a\n", "$a", "\u0661"]
)
def test_keys_that_are_refused(key: str) -> None:
    with pytest.raises(Refusal) as refusal:
        require_key(key)

    assert (refusal.value.kind, refusal.value.code, refusal.value.field) == (Kind.INVALID, "invalid_field", "key")


@pytest.mark.parametrize(
    ("wrong", "kind", "code", "field"),
    [
        (mutation(id=""), Kind.INVALID, "invalid_field", "mutation"),
        (mutation(id="x" * 65), Kind.INVALID, "invalid_field", "mutation"),
        (mutation(id="a b"), Kind.INVALID, "invalid_field", "mutation"),
        (mutation(base_version=-1), Kind.INVALID, "invalid_field", "base_version"),
        (mutation(base_version=1 << 63), Kind.INVALID, "invalid_field", "base_version"),
        (mutation("replace", b""), Kind.INVALID, "invalid_json", "value"),
        (mutation("replace", b'{"a":1,"a":1}'), Kind.INVALID, "invalid_json", "value"),
        (mutation("replace", b"[[[[[1]]]]]"), Kind.INVALID, "invalid_json", "value"),
        (mutation("replace", b'"' + b"x" * 200 + b'"'), Kind.TOO_LARGE, "too_large", "value"),
        (mutation("merge", b"{"), Kind.INVALID, "invalid_json", "patch"),
        (mutation("patch", b"{}"), Kind.INVALID, "invalid_patch", "patch"),
        (
            mutation("patch", b'[{"op":"remove","path":"/a"},{"op":"x","path":""}]'),
            Kind.INVALID,
            "invalid_patch",
            "patch.1",
        ),
        (
            mutation("patch", b"[" + b",".join([b'{"op":"remove","path":"/a"}'] * 4) + b"]"),
            Kind.INVALID,
            "invalid_patch",
            "patch",
        ),
    ],
)
def test_what_is_refused_at_once(wrong: Mutation, kind: Kind, code: str, field: str) -> None:
    with pytest.raises(Refusal) as refusal:
        checked(wrong, CONFIG)

    assert (refusal.value.kind, refusal.value.code, refusal.value.field) == (kind, code, field)


@pytest.mark.parametrize(
    ("one", "value", "kind", "code", "field"),
    [
        (mutation("remove", b""), None, Kind.NOT_FOUND, "not_found", ""),
        (mutation("patch", b'[{"op":"remove","path":"/a"}]'), b"{}", Kind.INVALID, "patch_failed", "patch.0"),
        (mutation("patch", b'[{"op":"add","path":"/a","value":1}]'), None, Kind.INVALID, "patch_failed", "patch.0"),
        (
            mutation("patch", b'[{"op":"add","path":"/a/a/a/a","value":[1]}]'),
            b'{"a":{"a":{"a":{}}}}',
            Kind.INVALID,
            "patch_failed",
            "patch",
        ),
        (
            mutation("merge", b'{"b":"' + b"x" * 150 + b'"}'),
            b'{"a":"' + b"x" * 150 + b'"}',
            Kind.TOO_LARGE,
            "too_large",
            "",
        ),
    ],
)
def test_what_does_not_apply(one: Mutation, value: bytes | None, kind: Kind, code: str, field: str) -> None:
    with pytest.raises(Refusal) as refusal:
        applied(checked(one, CONFIG), value, CONFIG)

    assert (refusal.value.kind, refusal.value.code, refusal.value.field) == (kind, code, field)


@pytest.mark.parametrize(
    ("one", "value", "result"),
    [
        (mutation("replace", b" [1, 2] "), None, b"[1,2]"),
        (mutation("replace", b"null"), b"{}", b"null"),
        (mutation("merge", b'{"a": null, "b": 1.0}'), b'{"a":1}', b'{"b":1.0}'),
        (mutation("merge", b'{"a": 1}'), None, b'{"a":1}'),
        (mutation("patch", b'[{"op":"add","path":"/-","value":2}]'), b"[1]", b"[1,2]"),
        (mutation("remove", b"ignored"), b"{}", None),
    ],
)
def test_what_it_makes_of_a_value(one: Mutation, value: bytes | None, result: bytes | None) -> None:
    assert applied(checked(one, CONFIG), value, CONFIG) == result


def test_the_digest_is_of_the_content() -> None:
    one = checked(mutation("merge", b'{"a": 1}'), CONFIG)

    assert one.digest() == checked(mutation("merge", b'{"a":1}', id="m2", device="d2", base_version=3), CONFIG).digest()
    others = [mutation("merge", b'{"a":2}'), mutation("replace", b'{"a":1}'), mutation("merge", b'{"a":1}', key="x")]
    assert len({one.digest(), *(other.digest() for other in others)}) == 4
