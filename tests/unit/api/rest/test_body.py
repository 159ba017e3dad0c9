"""What msgspec finds wrong, in our words: the member is named, its value is not."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Meta, Struct, UnsetType

from api.rest.body import FormBody, JSONBody
from sessions.refusal import Refusal


class Inner(Struct, forbid_unknown_fields=True):
    id: Annotated[str, Meta(pattern="^[a-z]+$", max_length=5)]


class Outer(Struct, forbid_unknown_fields=True):
    name: str
    mode: Literal["a", "b"]
    inner: Inner
    count: Annotated[int, Meta(ge=1)] = 1


GOOD: dict[str, Any] = {"name": "n", "mode": "a", "inner": {"id": "x"}}
BODY = JSONBody(Outer)
FORM = FormBody("logout_token", 1000)


def refused(content: bytes) -> Refusal:
    with pytest.raises(Refusal) as caught:
        BODY.decode(content)
    return caught.value


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": 1}, "name"),
        ({"mode": "evil-mode"}, "mode"),
        ({"inner": {"id": "EVIL"}}, "inner.id"),
        ({"inner": {"id": "toolong"}}, "inner.id"),
        ({"inner": {}}, "inner.id"),
        ({"inner": {"id": "x", "more": 1}}, "inner.more"),
        ({"inner": None}, "inner"),
        ({"count": 0}, "count"),
        ({"count": "1"}, "count"),
        ({"extra": 1}, "extra"),
        ({"ev il\r\n": 1}, ""),
        ({"x" * 100: 1}, ""),
    ],
)
def test_the_member_is_named_and_its_value_is_not(change: dict[str, Any], field: str) -> None:
    refusal = refused(json.dumps({**GOOD, **change}).encode())
    assert (refusal.code, refusal.field) == ("invalid_field", field)
    for secret in ("evil", "EVIL", "ev il", "toolong", "x" * 100):
        assert secret not in refusal.detail


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Choices(Struct, forbid_unknown_fields=True):
    mode: Literal["", "a", "b"] = ""
    colour: Colour | None = None
    level: Literal[1, 2] | UnsetType = UNSET
    inner: Outer | None = None


@pytest.mark.parametrize(
    ("wrong", "detail"),
    [
        ({"mode": "c"}, "must be one of a, b"),
        ({"colour": "green"}, "must be one of red, blue"),
        ({"level": 3}, "must be one of 1, 2"),
        ({"inner": {**GOOD, "mode": "c"}}, "is none of the values that are allowed"),
    ],
)
def test_a_member_of_a_closed_set_is_told_which(wrong: dict[str, Any], detail: str) -> None:
    with pytest.raises(Refusal) as caught:
        JSONBody(Choices).decode(json.dumps(wrong).encode())
    assert caught.value.detail == detail


@given(st.text(max_size=40))
def test_no_value_is_ever_quoted(text: str) -> None:
    marked = f"<<{text}>>"
    for change in ({"mode": marked}, {"inner": {"id": marked}}, {"count": marked}, {"inner": marked}):
        refusal = refused(json.dumps({**GOOD, **change}).encode())
        assert "<<" not in refusal.detail + refusal.field


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        BODY.decode(content)
    assert caught.value.code in {"invalid_json", "invalid_field"}


def test_nothing_at_all() -> None:
    assert refused(b"").field == "name"
    assert JSONBody(Outer, is_optional=True).is_optional


@pytest.mark.parametrize(
    ("content", "token"),
    [(b"logout_token=a.b.c", "a.b.c"), (b"x=1&logout_token=a%2Eb&y", "a.b"), (b"logout_token=", "")],
)
def test_a_form(content: bytes, token: str) -> None:
    assert FORM.decode(content) == token


@pytest.mark.parametrize("content", [b"", b"x=1", b"logout_token=a&logout_token=b", b"\xff=1", b"a=1&" * 100])
def test_what_is_no_form_of_ours(content: bytes) -> None:
    with pytest.raises(Refusal):
        FORM.decode(content)
