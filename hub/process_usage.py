"""What this process uses, for `info`."""

from __future__ import annotations

import resource
from pathlib import Path

_STATM = Path("/proc/self/statm")


def process_usage(uptime_s: float) -> dict[str, float]:
    """Average CPU since the start, in percent of one core, and resident bytes."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = usage.ru_utime + usage.ru_stime
    return {"cpu": 100 * cpu_s / max(uptime_s, 1e-3), "rss": _resident_bytes(usage.ru_maxrss)}


def _resident_bytes(peak_kib: int) -> int:
    """Linux tells the present figure; elsewhere the peak has to do."""
    try:
        return int(_STATM.read_text().split()[1]) * resource.getpagesize()
    except OSError:
        return peak_kib * 1024
