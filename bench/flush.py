"""How long a flush to disk takes, made a variable: a group commit is worth what it saves of that.

The disks of virtual machines differ by a factor of a hundred here: one whose host has a protected cache answers in a
tenth of a millisecond, network storage and disks without such a cache take one and more. So the same server is
measured on the disk as it is, and with each flush made to last at least `SLOW_MS`.
"""

from __future__ import annotations

import contextlib
import mmap
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

SLOW_MS = 1.0

_SOURCE = Path(__file__).parent / "floors" / "slow_flush.c"
_SIZE = 4


def missing_compiler() -> str:
    return "" if shutil.which("cc") else "no C compiler"


class Flush:
    """Of one server: `environment` is for its database, and `at_least` then works while it runs."""

    def __init__(self, folder: Path) -> None:
        library, file = folder / "slow_flush.so", folder / "flush_us"
        subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, _SOURCE], check=True, timeout=60)
        file.write_bytes(bytes(_SIZE))
        for readable in (library, file):
            readable.chmod(0o644)
        self.environment = {"LD_PRELOAD": str(library), "FLUSH_US_FILE": str(file)}
        with file.open("r+b") as opened:
            self._page = mmap.mmap(opened.fileno(), _SIZE)

    @contextlib.contextmanager
    def at_least(self, milliseconds: float) -> Iterator[None]:
        self._set(round(milliseconds * 1000))
        try:
            yield
        finally:
            self._set(0)

    def _set(self, microseconds: int) -> None:
        self._page[:] = microseconds.to_bytes(_SIZE, "little")
