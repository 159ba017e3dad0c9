"""What the process costs: CPU, memory, descriptors, garbage collections."""

from __future__ import annotations

import gc
import os
import resource
from typing import TYPE_CHECKING

from hub.process_usage import cpu_time_s, resident_bytes

if TYPE_CHECKING:
    from hub.clock import Clock

_DESCRIPTORS = "/proc/self/fd"


class ProcessMeasures:
    """Read when asked for, without a directory listing: a node has as many descriptors as connections."""

    def __init__(self, clock: Clock) -> None:
        self._started_s = clock.now_s()

    def measures(self) -> dict[str, float]:
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        collections = gc.get_stats()
        return {
            "process_cpu_s": cpu_time_s(),
            "process_rss_bytes": resident_bytes(),
            "process_open_fds": _num_descriptors(),
            "process_max_fds": soft,
            "process_start_s": self._started_s,
            **{f"gc_collections.{number}": each["collections"] for number, each in enumerate(collections)},
            **{f"gc_collected.{number}": each["collected"] for number, each in enumerate(collections)},
        }


def _num_descriptors() -> int:
    """Since Linux 6.2 the size of the directory; 0 where that says nothing."""
    try:
        return os.stat(_DESCRIPTORS).st_size
    except OSError:
        return 0
