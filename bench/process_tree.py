"""Processes and everything they started: what a server costs is the sum over these."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

_PROC = Path("/proc")
_PAGE_BYTES = 4096


class ProcessGone(Exception):
    """The measured process ended; whatever was being measured is void."""


class ProcessTree:
    """Read from /proc. nginx is a master and a worker, Node and Go are many threads: all of them count.

    `others` are what a server has beside itself, its database. `pid` is its own.
    """

    def __init__(self, pid: int, *others: int) -> None:
        self.pid = pid
        self._roots = (pid, *others)

    def cpu_ns(self) -> int:
        """Time on a core, of every live thread, in nanoseconds (/proc/<pid>/task/<tid>/schedstat, first field).

        `utime + stime` of /proc/<pid>/stat is the same sum in ticks of 10 ms. A thread that ends takes its share with
        it; no measured server ends threads while it is measured.
        """
        return sum(self.cpu_ns_by_process().values())

    def cpu_ns_by_process(self) -> dict[int, int]:
        """The same of each by itself, by pid."""
        return {pid: _cpu_ns(_PROC / str(pid)) for pid in self.members()}

    def rss_bytes(self) -> int:
        """Resident memory. Pages that processes share count in each, which a difference takes out again."""
        return sum(int(statm.split(maxsplit=2)[1]) * _PAGE_BYTES for statm in self._read("statm"))

    def threads(self) -> list[int]:
        return [int(task.name) for pid in self.members() for task in _PROC.glob(f"{pid}/task/*")]

    def _read(self, pattern: str) -> Iterator[str]:
        """Files of every member. A child may end meanwhile: a database closes connections that are idle."""
        for pid in self.members():
            yield from _texts(_PROC.glob(f"{pid}/{pattern}"))

    def members(self) -> list[int]:
        """The roots and all that descends from them."""
        members = [*self._roots]
        for pid in members:
            for children in _texts(_PROC.glob(f"{pid}/task/*/children")):
                members += map(int, children.split())
        for root in self._roots:
            if not (_PROC / str(root)).exists():
                raise ProcessGone(f"process {root} has ended")
        return members


def _cpu_ns(process: Path) -> int:
    return sum(int(schedstat.split(maxsplit=1)[0]) for schedstat in _texts(process.glob("task/*/schedstat")))


def _texts(files: Iterator[Path]) -> Iterator[str]:
    """Of those that are still there."""
    for file in files:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            yield file.read_text()
