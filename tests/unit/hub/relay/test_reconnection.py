"""Pauses between attempts, and how often they are spoken of."""

from __future__ import annotations

import logging

import pytest

from hub.complaints import QuietLog
from hub.relay.reconnection import FIRST_S, LONGEST_S, STEADY_S, Pauses
from tests.support.clock import FakeClock


def pauses_of(pauses: Pauses, count: int) -> list[float]:
    taken = []
    for _ in range(count):
        pauses.begin()
        taken.append(pauses.next_s())
    return taken


def test_pauses_double_up_to_a_bound_with_half_of_them_left_to_chance() -> None:
    bound = FIRST_S
    for pause_s in pauses_of(Pauses(FakeClock()), 12):
        assert bound / 2 <= pause_s <= bound
        bound = min(2 * bound, LONGEST_S)
    assert bound == LONGEST_S


def test_nodes_do_not_return_in_step() -> None:
    assert len({pauses_of(Pauses(FakeClock()), 8)[-1] for _ in range(20)}) > 10


def test_what_has_lasted_is_followed_by_a_short_pause() -> None:
    clock = FakeClock()
    pauses = Pauses(clock)
    pauses_of(pauses, 10)
    pauses.begin()
    clock.advance(STEADY_S)
    assert pauses.next_s() <= FIRST_S


def test_a_kind_of_event_is_told_once_a_second(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    quiet = QuietLog(logging.getLogger("test"), clock)
    for number in range(100):
        quiet.warn("lost", number=number)
    quiet.warn("other")
    clock.advance(1)
    quiet.warn("lost", number=100)
    told = [(record.getMessage(), record.__dict__["left_out"]) for record in caplog.records]
    assert told == [("lost", 0), ("other", 0), ("lost", 99)]
