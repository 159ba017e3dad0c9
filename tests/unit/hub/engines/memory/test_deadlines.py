from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from hub.engines.memory.deadlines import Deadlines


def pop_all(deadlines: Deadlines[str], now_s: float) -> list[str]:
    popped = []
    while (key := deadlines.pop_due(now_s)) is not None:
        popped.append(key)
    return popped


def test_keys_come_up_when_their_time_has_come_soonest_first() -> None:
    deadlines = Deadlines[str]()
    for key, at_s in (("late", 30.0), ("soon", 10.0), ("between", 20.0)):
        deadlines.watch(key, at_s)
    assert pop_all(deadlines, 9.999) == []
    assert pop_all(deadlines, 20.0) == ["soon", "between"]
    assert len(deadlines) == 1
    assert pop_all(deadlines, 30.0) == ["late"]
    assert len(deadlines) == 0


def test_a_deadline_moved_later_costs_nothing_and_comes_up_at_the_old_one() -> None:
    deadlines = Deadlines[str]()
    for at_s in range(10, 1000):
        deadlines.watch("busy", at_s)
    assert len(deadlines) == 1
    assert pop_all(deadlines, 10) == ["busy"]
    assert pop_all(deadlines, 1000) == []


def test_a_deadline_moved_earlier_comes_up_once_and_then() -> None:
    deadlines = Deadlines[str]()
    deadlines.watch("key", 20)
    deadlines.watch("key", 10)
    assert len(deadlines) == 1
    assert pop_all(deadlines, 10) == ["key"]
    assert pop_all(deadlines, 20) == []


def test_a_key_is_watched_anew_after_it_came_up() -> None:
    deadlines = Deadlines[str]()
    deadlines.watch("key", 20)
    deadlines.watch("key", 10)
    assert deadlines.pop_due(10) == "key"
    deadlines.watch("key", 30)
    assert pop_all(deadlines, 29) == []
    assert pop_all(deadlines, 30) == ["key"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=40))
def test_no_key_comes_up_late_or_twice(watched: list[tuple[str, int]]) -> None:
    deadlines = Deadlines[str]()
    soonest: dict[str, int] = {}
    for key, at_s in watched:
        deadlines.watch(key, at_s)
        soonest[key] = min(at_s, soonest.get(key, at_s))
    came_up = [(now_s, key) for now_s in range(21) for key in pop_all(deadlines, now_s)]
    assert sorted(came_up) == sorted((at_s, key) for key, at_s in soonest.items())
    assert len(deadlines) == 0
