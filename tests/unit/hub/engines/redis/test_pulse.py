from __future__ import annotations

import pytest

from hub.engines.redis.complaints import redis_complaints
from hub.engines.redis.pulse import Pulse
from tests.support.clock import FakeClock


def test_a_silence_longer_than_the_lease_is_a_lapse_once() -> None:
    clock = FakeClock()
    lapses: list[float] = []
    pulse = Pulse(clock, 10, lambda: lapses.append(clock.monotonic_s()))
    for _ in range(5):
        clock.advance(10)
        pulse.beat()
    assert lapses == []
    clock.advance(10.5)
    pulse.beat()
    pulse.beat()
    assert lapses == [clock.monotonic_s()]
    assert pulse.lapses == 1


def test_complaints_are_all_counted_and_some_written(caplog: pytest.LogCaptureFixture) -> None:
    clock = FakeClock()
    complaints = redis_complaints(clock)
    for _ in range(100):
        complaints.add("redis_link_lost", address="a")
    complaints.add("redis_error", reason="b")
    clock.advance(1)
    complaints.add("redis_link_lost", address="a")
    records = caplog.records
    written = [(record.getMessage(), record.__dict__["occurrences"]) for record in records]
    assert written == [("redis_link_lost", 1), ("redis_error", 1), ("redis_link_lost", 100)]
    assert {kind: count for kind, count in complaints.counts.items() if count} == {
        "redis_link_lost": 101,
        "redis_error": 1,
    }
