from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.origins import Origins

PAGE = "https://app.example.com"


@pytest.mark.parametrize(
    ("patterns", "origin", "is_allowed"),
    [
        ([], PAGE, False),
        (["*"], PAGE, True),
        (["*"], "null", True),
        ([PAGE], PAGE, True),
        ([PAGE], PAGE.upper(), True),
        (["HTTPS://App.Example.com"], PAGE, True),
        ([PAGE], "http://app.example.com", False),
        ([PAGE], PAGE + ":8443", False),
        ([PAGE], PAGE + ".evil.com", False),
        ([PAGE], "https://evil.com/https://app.example.com", False),
        ([PAGE], "https://appxexample.com", False),
        ([PAGE], "", False),
        ([PAGE], "null", False),
        (["https://*.example.com"], PAGE, True),
        (["https://*.example.com"], "https://a.b.example.com", True),
        (["https://*.example.com"], "https://example.com", False),
        (["https://*.example.com"], "https://evil.com/.example.com", False),
        (["https://*.example.com"], "https://evilexample.com", False),
        (["http://localhost:*"], "http://localhost:5173", True),
        (["http://localhost:*"], "http://localhost", False),
        (["https://a.com", "https://b.com"], "https://b.com", True),
        (["*."], PAGE, False),
    ],
)
def test_which_pages_may_use_the_hub(patterns: list[str], origin: str, is_allowed: bool) -> None:
    assert Origins(patterns).allow([origin]) == is_allowed


@pytest.mark.parametrize("patterns", [[], ["*"], [PAGE]])
def test_a_request_that_comes_from_no_page_passes(patterns: list[str]) -> None:
    assert Origins(patterns).allow([])


@pytest.mark.parametrize("others", [[PAGE, PAGE], [PAGE, "https://evil.com"], ["https://evil.com", PAGE]])
def test_two_origins_are_one_too_many(others: list[str]) -> None:
    assert not Origins([PAGE]).allow(others)


def matches(pattern: str, text: str) -> bool:
    """What a pattern means, letter by letter."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return matches(pattern[1:], text) or (bool(text) and text[0] != "/" and matches(pattern, text[1:]))
    return bool(text) and pattern[0] == text[0] and matches(pattern[1:], text[1:])


LETTERS = st.text(st.sampled_from("ab./:*[]+?\\^$"), max_size=8)


@given(st.lists(LETTERS.filter(lambda pattern: pattern != "*"), max_size=3), LETTERS)
def test_patterns_mean_what_they_say_and_nothing_else(patterns: list[str], origin: str) -> None:
    assert Origins(patterns).allow([origin]) == any(matches(pattern, origin) for pattern in patterns)
