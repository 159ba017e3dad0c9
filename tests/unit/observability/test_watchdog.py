"""A loop that stands still is told of while it does, with what holds it."""

from __future__ import annotations

import asyncio
import logging
import threading

import pytest

from hub.clock import SystemClock
from observability.watchdog import BLOCKED_AFTER_S, Watchdog
from tests.support.clock import FakeClock
from tests.support.patience import eventually


def hold_the_loop(until: threading.Event) -> None:
    assert until.wait(30)


async def test_a_blocked_loop_is_logged_once_with_the_stack_of_what_blocks_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = threading.Event()

    class Told(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()

    handler = Told()
    logging.getLogger("observability.watchdog").addHandler(handler)
    dog = Watchdog(SystemClock())
    running = asyncio.create_task(dog.run())
    await asyncio.sleep(0)
    hold_the_loop(told)  # nothing else can end it
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    logging.getLogger("observability.watchdog").removeHandler(handler)
    [record] = caplog.records
    assert (record.message, record.levelname) == ("loop_blocked", "ERROR")
    assert "hold_the_loop" in vars(record)["at"]
    assert dog.measures() == {"loop_blocked": 1}
    await eventually(lambda: not any(thread.name == "watchdog" for thread in threading.enumerate()))


def test_each_time_counts_once_however_long_it_lasts() -> None:
    clock = FakeClock()
    dog = Watchdog(clock)
    here = threading.get_ident()
    for _ in range(2):
        dog._beat_s = clock.monotonic_s()
        dog.look(here)
        for _ in range(12):
            clock.advance(BLOCKED_AFTER_S / 4)
            dog.look(here)
    assert dog.num_blocked == 2


@pytest.mark.parametrize(("used_s", "events"), [(0.1, ["process_paused"]), (4.9, ["loop_blocked"])])
def test_a_process_that_stood_still_as_a_whole_blames_nobody(
    caplog: pytest.LogCaptureFixture, used_s: float, events: list[str]
) -> None:
    """Frozen with its container it uses no CPU; what holds the interpreter uses all of it."""
    clock, used = FakeClock(), [7.0]
    dog = Watchdog(clock, lambda: used[0])
    dog._beat_s = clock.monotonic_s()
    clock.advance(5)
    used[0] += used_s
    dog.look(threading.get_ident())
    assert [record.message for record in caplog.records] == events
    clock.advance(0.25)
    dog.look(threading.get_ident())
    assert len(caplog.records) == 1
