"""Who else was on the two cores while something was measured: a number taken beside a compiler run is not one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from bench.process_tree import ProcessTree

_TICK_NS = 10_000_000  # of /proc/stat (USER_HZ is 100)
_IDLE_FIELDS = (3, 4)  # idle, iowait
_GUEST_FIELDS = 8  # what follows is contained in what came before


class Interference:
    """The largest share of a core that processes other than its owner took, over all phases of a stage."""

    def __init__(self, owners: Mapping[int, ProcessTree]) -> None:
        self.worst_share = 0.0
        self._owners = owners
        self._begun: dict[int, int] = {}
        self._begun_ns = 0

    def begin(self) -> None:
        self._begun = {core: self._foreign_ns(core) for core in self._owners}
        self._begun_ns = time.monotonic_ns()

    def end(self) -> None:
        elapsed_ns = time.monotonic_ns() - self._begun_ns
        for core, before_ns in self._begun.items():
            share = (self._foreign_ns(core) - before_ns - _TICK_NS) / elapsed_ns
            self.worst_share = max(self.worst_share, share)

    def _foreign_ns(self, core: int) -> int:
        """Time the core was busy without its owner. Off by up to a tick, which `end` forgives."""
        return busy_ns(Path("/proc/stat").read_text(), core) - self._owners[core].cpu_ns()


def busy_ns(proc_stat: str, core: int) -> int:
    """Time that a core was not idle since the machine started, stolen time included."""
    [fields] = [line.split()[1:] for line in proc_stat.splitlines() if line.startswith(f"cpu{core} ")]
    ticks = [int(field) for field in fields[:_GUEST_FIELDS]]
    return (sum(ticks) - sum(ticks[field] for field in _IDLE_FIELDS)) * _TICK_NS
