from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.tokens.cache import TokenCache


def test_tok_1_a_token_is_found_until_its_second_and_not_from_it_on() -> None:
    cache = TokenCache[str](2)
    cache.keep("token", "claims", good_until_s=100)
    assert cache.find("token", now_s=99.9) == "claims"
    assert cache.find("token", now_s=100) is None
    assert len(cache) == 0


def test_an_unknown_token_is_not_found() -> None:
    assert TokenCache[str](2).find("token", now_s=0) is None


def test_the_least_recently_used_token_makes_room() -> None:
    cache = TokenCache[str](2)
    cache.keep("a", "A", good_until_s=100)
    cache.keep("b", "B", good_until_s=100)
    cache.find("a", now_s=0)
    cache.keep("c", "C", good_until_s=100)
    assert [cache.find(token, now_s=0) for token in "abc"] == ["A", None, "C"]


def test_a_token_that_is_kept_again_takes_no_second_place() -> None:
    cache = TokenCache[str](2)
    cache.keep("a", "old", good_until_s=100)
    cache.keep("b", "B", good_until_s=100)
    cache.keep("a", "new", good_until_s=200)
    assert cache.find("a", now_s=150) == "new"
    assert cache.find("b", now_s=0) == "B"


def test_size_0_keeps_nothing() -> None:
    cache = TokenCache[str](0)
    cache.keep("a", "A", good_until_s=100)
    assert cache.find("a", now_s=0) is None


def test_clear_forgets_everything() -> None:
    cache = TokenCache[str](2)
    cache.keep("a", "A", good_until_s=100)
    cache.clear()
    assert cache.find("a", now_s=0) is None


@pytest.mark.parametrize("size", [0, 1, 3])
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 9), st.integers(0, 9))))
def test_tok_1_and_2_hold_for_any_use(size: int, uses: list[tuple[str, int, int]]) -> None:
    cache = TokenCache[int](size)
    for token, now_s, good_until_s in uses:
        found = cache.find(token, now_s=now_s)
        assert found is None or found > now_s
        cache.keep(token, good_until_s, good_until_s=good_until_s)
        assert len(cache) <= size
