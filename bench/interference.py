"""Who else was on the two cores while something was measured: a number taken beside a compiler run is not one."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from bench.process_tree import ProcessTree

_TICK_NS = 10_000_000  # of /proc/stat (USER_HZ is 100)
_IDLE_FIELDS = (3, 4)  # idle, iowait
_GUEST_FIELDS = 8  # what follows is contained in what came before


Share = tuple[Sequence[int], Sequence[ProcessTree]]
"""Cores, and the processes that they are for."""


class Interference:
    """The largest share of a core that processes other than its owners took, over all phases of a stage."""

    def __init__(self, shares: Sequence[Share]) -> None:
        self.worst_share = 0.0
        self._shares = shares
        self._begun: list[int] = []
        self._begun_ns = 0

    def begin(self) -> None:
        self._begun = self._foreign_ns()
        self._begun_ns = time.monotonic_ns()

    def end(self) -> None:
        elapsed_ns = time.monotonic_ns() - self._begun_ns
        for (cores, _), before_ns, after_ns in zip(self._shares, self._begun, self._foreign_ns(), strict=True):
            share = (after_ns - before_ns - _TICK_NS * len(cores)) / elapsed_ns
            self.worst_share = max(self.worst_share, share)

    def _foreign_ns(self) -> list[int]:
        """Time the cores were busy without their owners. Off by up to a tick each, which `end` forgives."""
        text = Path("/proc/stat").read_text()
        return [
            sum(busy_ns(text, core) for core in cores) - sum(owner.cpu_ns() for owner in owners)
            for cores, owners in self._shares
        ]


def busy_ns(proc_stat: str, core: int) -> int:
    """Time that a core was not idle since the machine started, stolen time included."""
    [fields] = [line.split()[1:] for line in proc_stat.splitlines() if line.startswith(f"cpu{core} ")]
    ticks = [int(field) for field in fields[:_GUEST_FIELDS]]
    return (sum(ticks) - sum(ticks[field] for field in _IDLE_FIELDS)) * _TICK_NS
