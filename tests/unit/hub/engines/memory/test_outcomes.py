from __future__ import annotations

from hub.engines.memory.outcomes import Outcome, OutcomeCache


def outcome_of(name: str, expires_at_s: float) -> Outcome:
    return Outcome(("news", name), None, expires_at_s)


def cache_of(*outcomes: Outcome, max_keys: int = 100) -> OutcomeCache:
    cache = OutcomeCache(max_keys)
    for outcome in outcomes:
        cache.add(outcome, now_s=0)
    return cache


def test_an_outcome_expires_on_the_dot() -> None:
    outcome = outcome_of("one", 300)
    cache = cache_of(outcome)
    assert cache.get(("news", "one"), 299.999) is outcome
    assert cache.get(("news", "one"), 300) is None
    assert cache.get(("news", "two"), 0) is None


def test_beyond_its_bound_the_oldest_is_forgotten_and_counted() -> None:
    cache = cache_of(*(outcome_of(str(number), 300) for number in range(5)), max_keys=3)
    assert [cache.get(("news", str(number)), 0) is not None for number in range(5)] == [False, False, True, True, True]
    assert (len(cache), cache.evictions) == (3, 2)


def test_forgetting_what_has_expired_is_no_eviction() -> None:
    cache = cache_of(outcome_of("one", 300), max_keys=1)
    cache.add(outcome_of("two", 600), now_s=300)
    assert (len(cache), cache.evictions) == (1, 0)


def test_sweeping_frees_what_has_expired() -> None:
    cache = cache_of(outcome_of("one", 300), outcome_of("two", 301))
    assert cache.sweep(299, budget=10) == 0
    assert cache.sweep(300, budget=10) == 1
    assert cache.get(("news", "two"), 300) is not None
    assert cache.sweep(301, budget=10) == 1
    assert len(cache) == 0


def test_sweeping_stops_when_the_budget_is_used_up() -> None:
    cache = cache_of(*(outcome_of(str(number), 300) for number in range(5)))
    assert [cache.sweep(300, budget=2) for _ in range(4)] == [2, 2, 1, 0]


def test_a_key_used_anew_before_it_was_swept_keeps_its_new_outcome() -> None:
    new = outcome_of("one", 600)
    cache = cache_of(outcome_of("one", 300))
    cache.add(new, now_s=300)
    assert cache.sweep(300, budget=10) == 1
    assert cache.get(("news", "one"), 300) is new
    assert cache.sweep(600, budget=10) == 1
    assert len(cache) == 0
