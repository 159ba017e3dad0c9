"""A process and everything it started: what a server costs is the sum over these."""

from __future__ import annotations

from pathlib import Path

_PROC = Path("/proc")
_PAGE_BYTES = 4096


class ProcessGone(Exception):
    """The measured process ended; whatever was being measured is void."""


class ProcessTree:
    """Read from /proc. nginx is a master and a worker, Node and Go are many threads: all of them count."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu_ns(self) -> int:
        """Time on a core, of every live thread, in nanoseconds (/proc/<pid>/task/<tid>/schedstat, first field).

        `utime + stime` of /proc/<pid>/stat is the same sum in ticks of 10 ms. A thread that ends takes its share with
        it; no measured server ends threads while it is measured.
        """
        return sum(
            int(schedstat.read_text().split(maxsplit=1)[0])
            for pid in self._members()
            for schedstat in _PROC.glob(f"{pid}/task/*/schedstat")
        )

    def rss_bytes(self) -> int:
        """Resident memory. Pages that processes share count in each, which a difference takes out again."""
        return sum(
            int((_PROC / str(pid) / "statm").read_text().split(maxsplit=2)[1]) * _PAGE_BYTES for pid in self._members()
        )

    def threads(self) -> list[int]:
        return [int(task.name) for pid in self._members() for task in _PROC.glob(f"{pid}/task/*")]

    def _members(self) -> list[int]:
        members = [self.pid]
        try:
            for pid in members:
                for children in _PROC.glob(f"{pid}/task/*/children"):
                    members += map(int, children.read_text().split())
        except (FileNotFoundError, ProcessLookupError) as gone:
            raise ProcessGone(f"process {self.pid} has ended") from gone
        if not (_PROC / str(self.pid)).exists():
            raise ProcessGone(f"process {self.pid} has ended")
        return members
