"""Two spellings of an address are one account, two addresses never are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.accounts import email_address
from sessions.refusal import Kind, Refusal


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("ann@example.com", "ann@example.com"),
        ("  Ann.Lee+shop@Example.COM ", "ann.lee+shop@example.com"),
        ("\uff21nn@example.com", "ann@example.com"),  # full-width A
        ("zoë@example.com", "zoë@example.com"),
        ("zoe\u0308@example.com", "zoë@example.com"),
        ("ann@bücher.example", "ann@xn--bcher-kva.example"),
        ("ann@XN--BCHER-KVA.example", "ann@xn--bcher-kva.example"),
        ("ann@example。com", "ann@example.com"),  # the ideographic full stop divides labels too
        ("admin@localhost", "admin@localhost"),
        ("o'hara@example.com", "o'hara@example.com"),
    ],
)
def test_spellings_fold_to_one_form(text: str, folded: str) -> None:
    assert email_address.fold(text) == folded


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "ann@@example.com",
        "a b@example.com",
        "ann@exam ple.com",
        "ann.@example.com",
        ".ann@example.com",
        "a..n@example.com",
        '"ann"@example.com',
        "ann@[127.0.0.1]",
        "ann@-example.com",
        "ann@example..com",
        "ann@example.com.",
        "ann@exa_mple.com",
        "ann\n@example.com",
        "ann\u200b@example.com",
        "ann\x00@example.com",
        "ann\ud800@example.com",
        "ann@exa\ud800mple.com",
        "ann\r\nbcc:eve@example.com",
        "ann@example.com\r\nBcc: eve@example.com",
        "<ann@example.com>",
        f"{'a' * 65}@example.com",
        f"{'ä' * 33}@example.com",
        f"ann@{'a' * 64}.com",
        f"ann@{'.'.join(['a' * 61] * 4)}.com",
        "a" * 100_000 + "@example.com",
        "ann@" + "ä" * 200 + ".com",
    ],
)
def test_what_is_no_address_is_refused_by_field(text: str) -> None:
    with pytest.raises(Refusal) as refused:
        email_address.fold(text)
    assert (refused.value.kind, refused.value.code, refused.value.field) == (Kind.INVALID, "invalid_field", "email")


@pytest.mark.parametrize("domain", ["straße.example", "STRAßE.example", "βόλος.example", "a\u200db.example"])
def test_a_domain_that_two_standards_read_differently_is_not_guessed(domain: str) -> None:
    with pytest.raises(Refusal, match="invalid_field email"):
        email_address.fold(f"ann@{domain}")


def test_the_ascii_form_of_such_a_domain_is_not_its_lookalike() -> None:
    assert email_address.fold("ann@xn--strae-oqa.example") != email_address.fold("ann@strasse.example")


@given(st.text(max_size=80) | st.emails())
def test_folding_is_idempotent_bounded_and_refuses_in_one_way(text: str) -> None:
    try:
        folded = email_address.fold(text)
    except Refusal:
        return  # any other exception fails
    assert email_address.fold(folded) == folded
    assert len(folded.encode()) <= email_address.MAX_LENGTH
    assert folded.isprintable()
    assert not any(character.isspace() for character in folded)


@given(st.emails())
def test_case_makes_no_difference(address: str) -> None:
    assert email_address.fold(address.upper()) == email_address.fold(address.lower())


def test_plain_means_that_only_the_case_differs() -> None:
    assert email_address.is_plain(" Ann@Example.com", email_address.fold("ann@example.com"))
    assert not email_address.is_plain("\uff41nn@example.com", email_address.fold("\uff41nn@example.com"))


def test_a_placeholder_is_an_address_of_nobody() -> None:
    placeholder = email_address.placeholder("01890a5d-ac96-774b-bcce-b302099a8057")
    assert email_address.fold(placeholder) == placeholder
    assert placeholder.endswith(".invalid")
