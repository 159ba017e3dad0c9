"""What a span may tell of a value."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from observability.masking import MASK
from observability.tracing.attributes import MAX_CHARS, told_attributes, told_text, told_value

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI0MiJ9.c2lnbmF0dXJlLW9mLXRoaXMtdG9rZW4"


def test_secrets_are_masked_by_form_and_by_name() -> None:
    told = told_attributes({"messaging.destination.name": f"room:{JWT}", "access_token": "abc", "url.path": "/v1"})

    assert JWT not in str(told["messaging.destination.name"])
    assert told["access_token"] == MASK
    assert told["url.path"] == "/v1"


def test_numbers_and_truth_values_stay_what_they_are() -> None:
    attributes: dict[str, str | int | float | bool] = {"a": 1, "b": 1.5, "c": True, "d": False}

    told = told_attributes(attributes)

    assert told == attributes
    assert [type(value) for value in told.values()] == [int, float, bool, bool]


def test_what_is_ours_is_told_as_it_is_and_what_is_not_is_masked_beside_it() -> None:
    attributes: dict[str, str | int | float | bool] = {
        "syncline.offset": 4_111_111_111_111_111,  # as a card number is built, and none
        "messaging.destination.name": "card:4111111111111111",
    }

    told = told_attributes(attributes)

    assert told["syncline.offset"] == 4_111_111_111_111_111
    assert "4111111111111111" not in str(told["messaging.destination.name"])


def test_equal_values_of_different_types_are_kept_apart() -> None:
    assert told_value("x", 1) is not told_value("x", True)
    assert isinstance(told_value("x", 1.0), float)


def test_a_secret_is_masked_before_a_long_text_is_cut() -> None:
    text = "a " * (MAX_CHARS // 2 - 10) + JWT + " tail" * 100

    told = str(told_value("x", text))

    assert JWT[:40] not in told
    assert len(told) <= MAX_CHARS + 1


@given(st.text(max_size=3 * MAX_CHARS))
def test_no_text_is_longer_than_it_may_be(text: str) -> None:
    assert len(str(told_value("x", text))) <= MAX_CHARS + 1
    assert len(told_text(text)) <= MAX_CHARS + 1
