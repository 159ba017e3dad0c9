from __future__ import annotations

from services.operations.process_meter import ProcessMeter
from tests.support.clock import FakeClock


class Used:
    """CPU time as the test says."""

    def __init__(self) -> None:
        self.seconds = 3.0

    def __call__(self) -> float:
        return self.seconds


def test_percent_of_one_core_between_two_askings() -> None:
    clock, used = FakeClock(), Used()
    meter = ProcessMeter(clock, used)
    assert meter.cpu_percent() == 0
    clock.advance(2)
    used.seconds += 1
    assert meter.cpu_percent() == 50
    clock.advance(0.2)
    used.seconds += 0.2
    assert meter.cpu_percent() == 50  # too soon to say anything new
    clock.advance(0.8)
    used.seconds += 1.8
    assert meter.cpu_percent() == 200  # two threads
