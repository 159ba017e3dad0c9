"""How fast one user may write: the memory of it is bounded."""

from __future__ import annotations

import pytest

from sessions.refusal import Refusal
from sessions.state import write_rate as module
from sessions.state.write_rate import WriteRate
from tests.support.clock import FakeClock


def test_a_rate_of_0_is_no_limit() -> None:
    rate = WriteRate(0, 1, FakeClock())

    for _ in range(1_000):
        rate.take("ann")

    assert (len(rate), rate.num_refused) == (0, 0)


def test_who_waits_as_told_may_write_again() -> None:
    clock = FakeClock()
    rate = WriteRate(4, 2, clock)
    rate.take("ann")
    rate.take("ann")

    with pytest.raises(Refusal) as refused:
        rate.take("ann")
    rate.take("bob")
    clock.advance(refused.value.retry_after_s)

    rate.take("ann")
    assert rate.num_refused == 1


def test_who_was_not_heard_of_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_USERS", 2)
    rate = WriteRate(1, 1, FakeClock())
    rate.take("ann")
    rate.take("bob")
    with pytest.raises(Refusal):
        rate.take("ann")

    rate.take("carol")

    assert len(rate) == 2
    with pytest.raises(Refusal):
        rate.take("ann")
    rate.take("bob")
