"""The memory of revocations against one that forgets nothing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sessions.revocations import Revocations, TwoGenerations

LIFE_S = 10.0

steps = st.lists(st.tuples(st.integers(0, 5), st.floats(0, 25)), max_size=60)


@given(steps)
def test_rev_1_an_entry_is_there_for_its_life_and_gone_after_some_more(steps: list[tuple[int, float]]) -> None:
    now_s = 1_000.0
    memory: TwoGenerations[float] = TwoGenerations(LIFE_S, now_s)
    put_s: dict[str, float] = {}
    for number, passed_s in steps:
        now_s += passed_s
        memory.put(str(number), now_s, now_s)
        put_s[str(number)] = now_s
        for key, at_s in put_s.items():
            if now_s - at_s < LIFE_S:
                assert memory.get(key) == at_s
            elif now_s - at_s >= 3 * LIFE_S:
                assert memory.get(key) is None
    assert len(memory) <= 2 * 6


def test_the_ended_and_the_outdated_are_two_things() -> None:
    revocations = Revocations(LIFE_S, 0)
    revocations.outdate("a", 100.0, 1)
    assert not revocations.has("a")
    assert revocations.is_outdated("a", 100.0)
    assert not revocations.is_outdated("a", 100.001)
    assert not revocations.is_outdated("b", 0)
    revocations.add("b", 1)
    assert revocations.has("b")
    assert len(revocations) == 1
