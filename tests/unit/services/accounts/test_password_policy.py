"""What is taken as a password (ASVS 5.0 6.2), and that nothing of it is lost on the way to the hash."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts import password_policy
from sessions.refusal import Kind, Refusal

GOOD = [
    "correct horse battery staple",
    "kX9#vpe2LmQ",
    "tr0ub4dor&3x",
    "        ....        ,,",
    "пароль-который-помню",
    "密码很长而且很难猜测",
    "🐎🔋📎✔🐎🔋📎🧷",
    "x7" * 3 + "q" * 58,
    "Z" + "yx" * 30 + "w" * 67,
    "48151623421123",
    "family83920174",
]

TOO_COMMON = [
    "password",
    "PASSWORD",
    "password1",
    "Password123!",
    "!sunshine2",
    "1qaz2wsx",
    "12345678",
    "87654321",
    "abcdefgh",
    "hgfedcba",
    "qwertyui",
    "qwertzui",
    "azertyuiop",
    "aaaaaaaa",
    "ababababab",
    "abcdabcdabcd",
    "\uff50\uff41\uff53\uff53\uff57\uff4f\uff52\uff44",  # "password" in full width
    "jennifer",
    "trustno1",
    "iloveyou",
]


def refusal_of(password: str, *, email: str = "annabella@shop.example", name: str = "Ann Lee") -> Refusal | None:
    try:
        password_policy.check(password, email=email, name=name, field="new_password")
    except Refusal as refused:
        return refused
    return None


@pytest.mark.parametrize("password", GOOD)
def test_long_ones_of_any_characters_are_taken(password: str) -> None:
    assert refusal_of(password) is None


@pytest.mark.parametrize("password", TOO_COMMON)
def test_what_is_guessed_first_is_refused(password: str) -> None:
    refused = refusal_of(password)
    assert refused is not None
    assert (refused.kind, refused.code, refused.field) == (Kind.INVALID, "invalid_field", "new_password")
    assert "too common" in refused.detail


@pytest.mark.parametrize(
    ("password", "email", "name"),
    [
        ("ann.lee@shop.example", "ann.lee@shop.example", ""),
        ("annabella", "annabella@shop.example", ""),
        ("Annabella99", "annabella@shop.example", ""),
        ("greengrocer!", "ann@greengrocer.example", ""),
        ("greengrocer.example", "ann@greengrocer.example", ""),
        ("Featherstonehaugh", "ann@shop.example", "Ann Featherstonehaugh"),
        ("annfeatherstone1", "a@shop.example", "Ann Featherstone"),
        ("Ann Featherstone", "a@shop.example", "Ann Featherstone"),
        ("Syncline1!", "ann@shop.example", ""),
    ],
)
def test_the_address_the_name_and_the_service_are_refused(password: str, email: str, name: str) -> None:
    refused = refusal_of(password, email=email, name=name)
    assert refused is not None
    assert "too close" in refused.detail


@pytest.mark.parametrize("password", ["", "1234567", "kX9#vpe", "x7q" * 43, "k" * 100_000, "\ufb03" * 60])
def test_length_is_8_to_128_after_normalisation(password: str) -> None:
    refused = refusal_of(password)
    assert refused is not None
    assert "characters" in refused.detail


@pytest.mark.parametrize("password", ["kX9#vpe2\x00LmQ", "kX9#vpe2\nLmQ", "kX9#vpe2\ud800LmQ", "kX9#vpe2\u0378LmQ"])
def test_characters_without_a_stable_form_are_refused(password: str) -> None:
    refused = refusal_of(password)
    assert refused is not None
    assert "not allowed" in refused.detail


def test_another_keyboard_gives_the_same_password() -> None:
    assert password_policy.normalise("\uff4b\uff38\uff19") == password_policy.normalise("kX9")
    assert password_policy.normalise("zoe\u0308") == password_policy.normalise("zoë")


def test_the_list_has_more_than_the_3000_that_asvs_asks_for() -> None:
    common = password_policy._common_passwords()
    assert len([password for password in common if len(password) >= password_policy.MIN_LENGTH]) >= 3_000
    assert all(password == password.casefold().strip() for password in common)


@given(st.text(max_size=140))
def test_whatever_comes_the_answer_is_yes_or_one_refusal(password: str) -> None:
    refused = refusal_of(password)
    if refused is None:
        assert 8 <= len(password_policy.normalise(password)) <= 128
    else:
        assert refused.field == "new_password"
        assert not password or len(password) < 8 or password not in refused.detail


@given(st.sampled_from(["password", "sunshine", "football", "jennifer"]), st.integers(0, 9_999))
def test_a_common_word_with_a_number_is_common(word: str, number: int) -> None:
    assert password_policy.is_common(f"{word}{number}")
    assert password_policy.is_common(f"{number}{word.upper()}")
