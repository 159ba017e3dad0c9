from __future__ import annotations

from bench.interference import busy_ns

PROC_STAT = """\
cpu  300 0 150 2000 10 0 6 4 7 0
cpu0 100 1 50 900 5 2 3 4 7 0
cpu1 200 0 100 1100 5 0 3 0 0 0
intr 12345
"""


def test_busy_is_everything_but_idle_waiting_and_what_guests_had_already_counted() -> None:
    assert busy_ns(PROC_STAT, 0) == (100 + 1 + 50 + 2 + 3 + 4) * 10_000_000
    assert busy_ns(PROC_STAT, 1) == (200 + 100 + 3) * 10_000_000
