from __future__ import annotations

import os

from bench.interference import Interference, busy_ns
from bench.process_tree import ProcessTree

PROC_STAT = """\
cpu  300 0 150 2000 10 0 6 4 7 0
cpu0 100 1 50 900 5 2 3 4 7 0
cpu1 200 0 100 1100 5 0 3 0 0 0
intr 12345
"""


def test_busy_is_everything_but_idle_waiting_and_what_guests_had_already_counted() -> None:
    assert busy_ns(PROC_STAT, 0) == (100 + 1 + 50 + 2 + 3 + 4) * 10_000_000
    assert busy_ns(PROC_STAT, 1) == (200 + 100 + 3) * 10_000_000


def test_several_cores_and_several_owners_are_one_share() -> None:
    """A share cannot be asserted on a machine that others use; that the worst is kept can."""
    interference = Interference([([0, 1], [ProcessTree(os.getpid()), ProcessTree(os.getppid())]), ([0], [])])
    for _ in range(2):
        interference.begin()
        interference.end()
        worst = interference.worst_share
        assert worst <= 3
    assert interference.worst_share >= 0
