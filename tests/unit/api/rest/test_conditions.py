from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.rest.conditions import base_version_of, etag, is_unchanged
from sessions.refusal import Refusal
from tests.unit.api.rest.requests import request


@given(st.integers(0, 10**15))
def test_a_tag_comes_back_as_its_version(version: int) -> None:
    sent = request([("If-Match", etag(version))])
    assert base_version_of(sent) == version
    assert is_unchanged(request([("If-None-Match", etag(version))]), version)


def test_no_condition() -> None:
    assert base_version_of(request()) is None
    assert not is_unchanged(request(), 7)


@pytest.mark.parametrize(
    ("header", "is_hit"),
    [
        ('"7"', True),
        ('W/"7"', True),
        ('"6","7"', True),
        ('"6", W/"7"', True),
        ("*", True),
        ('"77"', False),
        ("7", False),
        ('"7', False),
        ("", False),
    ],
)
def test_what_a_reader_has(header: str, is_hit: bool) -> None:
    assert is_unchanged(request([("If-None-Match", header)]), 7) is is_hit


@given(st.text(alphabet='W/"0123456789*, -+_x', max_size=20))
def test_a_write_condition_is_understood_or_refused(text: str) -> None:
    """Ignored, it would let through what it was to keep out."""
    sent = request([("If-Match", text)])
    if re.fullmatch(r'\s*"(0|[1-9]\d{0,15})"\s*', text):
        assert base_version_of(sent) == int(text.strip().strip('"'))
    else:
        with pytest.raises(Refusal) as caught:
            base_version_of(sent)
        assert (caught.value.code, caught.value.field) == ("invalid_field", "If-Match")


@pytest.mark.parametrize(
    "headers", [[("If-Match", '"1"'), ("If-Match", '"2"')], [("If-Match", '"1"'), ("If-None-Match", "*")]]
)
def test_two_conditions_at_once(headers: list[tuple[str, str]]) -> None:
    with pytest.raises(Refusal):
        base_version_of(request(headers))


def test_only_what_is_not_there() -> None:
    assert base_version_of(request([("If-None-Match", "*")])) == 0
    with pytest.raises(Refusal):
        base_version_of(request([("If-None-Match", '"1"')]))
