"""A Redis server of the bench's own: nothing on disk, so that only its work in memory and on sockets is measured."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.pinned import SERVER_CORE, free_port, pinned_server

_SETTINGS = ("--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--client-output-buffer-limit", "pubsub 0 0 0")
"""A subscriber that is behind because its core is busy shall not be cut off: that is measured, not this."""


@dataclass(frozen=True)
class Redis:
    pid: int
    port: int

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"


def missing_redis() -> str:
    return "" if shutil.which("redis-server") else "Debian package redis-server is not installed"


@contextlib.contextmanager
def running_redis(cores: Sequence[int] = (SERVER_CORE,)) -> Iterator[Redis]:
    """Empty, on loopback; gone with its data at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-redis-") as folder:
        home, port = Path(folder), free_port()
        argv = ["redis-server", "--port", str(port), "--dir", str(home), *_SETTINGS]
        with pinned_server(argv, port, folder=home, log=home / "server.log", cores=cores) as pid:
            yield Redis(pid, port)
