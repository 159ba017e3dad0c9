"""What this process uses, for `info`."""

from __future__ import annotations

import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


def process_usage(uptime_s: float) -> dict[str, float]:
    """Average CPU since the start, in percent of one core, and resident bytes."""
    return {"cpu": 100 * cpu_time_s() / max(uptime_s, 1e-3), "rss": resident_bytes()}


def cpu_time_s() -> float:
    """CPU time that this process has used since it began, all its threads together."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def resident_bytes() -> int:
    """Linux tells the present figure; elsewhere the peak has to do."""
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
