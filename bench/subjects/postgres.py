"""A PostgreSQL server of the bench's own, durable as it comes: `fsync` and `synchronous_commit` are on."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench.flush import Flush
from bench.pinned import NotStarted, free_port, pinned_server

_ACCOUNT = "postgres"
"""PostgreSQL refuses to run as root; then it runs as this one."""

_READY_LIMIT_S = 30.0
_POLL_S = 0.02

_DEBIAN = Path("/usr/lib/postgresql")


@dataclass(frozen=True)
class Postgres:
    pid: int
    url: str
    flush: Flush


def binary(name: str) -> Path | None:
    """On the path, or where Debian keeps it, the newest version first."""
    if found := shutil.which(name):
        return Path(found)
    versions = sorted(_DEBIAN.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3]), reverse=True)
    return versions[0] if versions else None


def missing_postgres() -> str:
    return "" if binary("postgres") and binary("initdb") else "PostgreSQL's server is not installed"


@contextlib.contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Empty, on the server core, reachable on loopback without a password; gone with its data at the end."""
    with tempfile.TemporaryDirectory(prefix="bench-postgres-") as folder:
        home, port = Path(folder), free_port()
        _give_away(home)
        _run([str(binary("initdb")), "--auth=trust", "--username=bench", "--no-sync", "-D", str(home / "data")])
        flush, argv = Flush(home), [str(binary("postgres")), *_arguments(home, port)]
        log, environment = home / "server.log", flush.environment
        with pinned_server(argv, port, folder=home, log=log, environment=environment, account=_account()) as pid:
            _await_ready(port)
            yield Postgres(pid, f"postgresql://bench@127.0.0.1:{port}/postgres", flush)


def _arguments(home: Path, port: int) -> list[str]:
    """Vacuuming is off: a worker that comes and goes takes its CPU time with it, unseen."""
    settings = ("fsync=on", "synchronous_commit=on", "autovacuum=off", "max_connections=50")
    given = [word for setting in settings for word in ("-c", setting)]
    return ["-D", str(home / "data"), "-p", str(port), "-k", str(home), *given]


def _await_ready(port: int) -> None:
    """The port is open a moment before the server takes clients."""
    deadline = time.monotonic() + _READY_LIMIT_S
    asked = [str(binary("pg_isready")), "--quiet", "--host=127.0.0.1", f"--port={port}"]
    while subprocess.run(asked, check=False, timeout=_READY_LIMIT_S).returncode:
        if time.monotonic() > deadline:
            raise NotStarted(f"PostgreSQL takes no clients after {_READY_LIMIT_S:.0f} s")
        time.sleep(_POLL_S)


def _run(argv: list[str]) -> None:
    subprocess.run(argv, check=True, timeout=60, user=_account(), stdout=subprocess.DEVNULL, cwd="/")


def _account() -> str | None:
    return _ACCOUNT if os.geteuid() == 0 else None


def _give_away(folder: Path) -> None:
    if account := _account():
        shutil.chown(folder, account)
