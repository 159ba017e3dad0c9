from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from hub.deadlines import NEVER, TICK_S, DeadlineWheel

START_S = 1_000.0


@dataclass(eq=False)
class Item:
    number: int = 0
    deadline_slot: int = 0


class WheelMachine(RuleBasedStateMachine):
    """Against one plain table of item, when it is due and when that was set, searched from end to end."""

    def __init__(self) -> None:
        super().__init__()
        self.wheel = DeadlineWheel()
        self.items = [Item(number) for number in range(5)]
        self.deadlines: dict[Item, tuple[float, float]] = {}
        self.now_s = START_S

    @initialize(is_swept_first=st.booleans())
    def begin(self, is_swept_first: bool) -> None:
        if is_swept_first:
            self.sweep()

    @rule(number=st.integers(0, 4), after_s=st.floats(-2, 30) | st.sampled_from([0.0, 0.25, 0.5, 1.0, 300.0]))
    def set(self, number: int, after_s: float) -> None:
        item = self.items[number]
        self.deadlines[item] = self.now_s + after_s, self.now_s
        self.wheel.set(item, self.now_s + after_s)

    @rule(number=st.integers(0, 4), after_s=st.sampled_from([0.5, 1.0]), times=st.integers(1, 3))
    def move_away_and_back(self, number: int, after_s: float, times: int) -> None:
        for _ in range(times):
            self.set(number, after_s)
            self.set(number, after_s + 1)
        self.set(number, after_s)

    @rule(number=st.integers(0, 4))
    def clear(self, number: int) -> None:
        self.deadlines.pop(self.items[number], None)
        self.wheel.set(self.items[number], NEVER)

    @rule(seconds=st.floats(0, 3) | st.sampled_from([0.25, 1.0, 40.0, 4_000.0]))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def sweep(self) -> None:
        due = self.wheel.due(self.now_s)
        assert len(set(due)) == len(due), "an item is due once"
        for item in due:
            at_s, _ = self.deadlines.pop(cast("Item", item))
            assert at_s <= self.now_s, "never early"
        for at_s, set_at_s in self.deadlines.values():
            assert max(at_s, set_at_s) + TICK_S > self.now_s, "at most one tick late"

    @invariant()
    def nothing_set_is_forgotten(self) -> None:
        assert {item for item in self.items if item.deadline_slot} == set(self.deadlines)

    def teardown(self) -> None:
        """Long after the last deadline everything has come."""
        self.pass_time(10_000)
        self.sweep()
        assert self.deadlines == {}


TestWheelIsOnePlainList = WheelMachine.TestCase
TestWheelIsOnePlainList.settings = settings(stateful_step_count=60)


def test_a_deadline_comes_at_the_first_tick_after_it() -> None:
    wheel, item = DeadlineWheel(), Item()
    wheel.due(START_S)
    wheel.set(item, START_S + 0.3)
    assert wheel.due(START_S + 0.49) == []
    assert wheel.due(START_S + 0.5) == [item]
    assert wheel.due(START_S + 0.75) == []


def test_a_deadline_that_has_passed_comes_with_the_next_tick() -> None:
    wheel, item = DeadlineWheel(), Item()
    wheel.due(START_S)
    wheel.set(item, START_S - 100)
    assert wheel.due(START_S + TICK_S) == [item]


def test_a_moved_deadline_counts_and_the_old_one_does_not() -> None:
    wheel, item = DeadlineWheel(), Item()
    wheel.set(item, START_S + 1)
    wheel.set(item, START_S + 2)
    assert wheel.due(START_S + 1.5) == []
    assert wheel.due(START_S + 2) == [item]


def test_deadlines_come_in_their_order_after_a_pause() -> None:
    wheel = DeadlineWheel()
    items = [Item(number) for number in range(20)]
    wheel.due(START_S)
    for item in reversed(items):
        wheel.set(item, START_S + item.number)
    assert wheel.due(START_S + 10_000) == items


def test_a_clock_that_stands_still_or_steps_back_wakes_nobody_early() -> None:
    wheel, item = DeadlineWheel(), Item()
    wheel.due(START_S)
    wheel.set(item, START_S + 1)
    assert wheel.due(START_S) == []
    assert wheel.due(START_S - 100) == []
    assert wheel.due(START_S + 1) == [item]
