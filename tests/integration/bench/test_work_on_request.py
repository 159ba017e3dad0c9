"""What is measured without a server: each process starts, works for as long as it is asked to, and can go on."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from itertools import count
from typing import TYPE_CHECKING

import pytest

from bench.load.dialects import Refused
from bench.load.on_request import have_done
from bench.load.target import Target
from bench.pinned import free_port, pinned_server
from tests.support.postgres import PostgresServer, binary
from tests.support.server import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Where = tuple[str, str]
"""The URL of an empty PostgreSQL database, and a file that is not there yet."""

_numbers = count(1)

WORKERS: dict[str, Callable[[Where], list[str]]] = {
    "a commit each on SQLite": lambda where: ["bench.floors.sqlite_commits", where[1]],
    "a commit each on PostgreSQL": lambda where: ["bench.floors.postgres_commits", where[0], "1"],
    "16 connections": lambda where: ["bench.floors.postgres_commits", where[0], "16"],
    "pgbench": lambda where: ["bench.floors.pgbench", where[0], "4", binary("pgbench"), where[1]],
    "the store on SQLite": lambda where: ["bench.parts.state_documents", where[1]],
    "the store on PostgreSQL": lambda where: ["bench.parts.state_documents", where[0]],
}


@pytest.fixture
def where(postgres: PostgresServer, tmp_path: Path) -> Iterator[Where]:
    name = f"bench_{next(_numbers)}"
    yield postgres.create_database(name), str(tmp_path / "file")
    postgres.drop_database(name)


@contextlib.contextmanager
def running(argv: list[str], folder: Path) -> Iterator[Target]:
    port = free_port()
    [module, *arguments] = argv
    command = [sys.executable, "-m", module, str(port), *arguments]
    with pinned_server(command, port, folder=ROOT, log=folder / "log"):
        yield Target("on-request", "127.0.0.1", port, "")


@pytest.mark.parametrize("worker", WORKERS)
def test_works_when_asked_and_again(worker: str, where: Where, tmp_path: Path) -> None:
    with running(WORKERS[worker](where), tmp_path) as target:
        for seconds in (0.2, 0.1):
            report = have_done(target, seconds)
            assert report.done > 0
            assert report.elapsed_s >= seconds


def test_work_that_fails_is_no_result(tmp_path: Path) -> None:
    """The database is taken away between two phases."""
    file = tmp_path / "file"
    with running(["bench.floors.sqlite_commits", str(file)], tmp_path) as target:
        have_done(target, 0.05)
        subprocess.run([sys.executable, "-c", DROP, str(file)], check=True)
        with pytest.raises((Refused, OSError)):
            have_done(target, 0.05)


DROP = "import sqlite3, sys; sqlite3.connect(sys.argv[1]).execute('DROP TABLE outbox')"
