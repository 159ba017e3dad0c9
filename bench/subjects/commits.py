"""What the rows of mutations cost without a server: the drivers alone, pgbench, and Syncline's own store in process."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from bench.flush import Flush, missing_compiler
from bench.generator import ROOT
from bench.load import on_request
from bench.load.target import Target
from bench.pinned import free_port, pinned_server
from bench.process_tree import ProcessTree
from bench.subjects.postgres import Postgres, binary, missing_postgres, running_postgres
from bench.subjects.subject import Server, Subject

COMMIT_EACH = "floor: a commit each"
SHARED_COMMITS = "asyncpg, 16 connections"
PGBENCH = "pgbench, 16 clients"
IN_PROCESS = "StateDocuments, in process"

ON_SQLITE = frozenset({"mutations_sqlite"})
ON_POSTGRES = frozenset({"mutations_postgres"})

CONNECTIONS = 16

Arguments = Callable[[Postgres, Path], list[str]]


def _target(port: int) -> Target:
    return Target(on_request.DIALECT, "127.0.0.1", port, "")


@contextlib.contextmanager
def _on_sqlite(module: str, folder: Path) -> Iterator[Server]:
    """`python -m <module> <port> <file>`."""
    port, flush = free_port(), Flush(folder)
    argv = [sys.executable, "-m", module, str(port), str(folder / "bench.db")]
    log, environment = folder / "server.log", flush.environment
    with pinned_server(argv, port, folder=ROOT, log=log, environment=environment) as pid:
        yield Server(ProcessTree(pid), _target(port), flush)


@contextlib.contextmanager
def _on_postgres(module: str, arguments: Arguments, folder: Path) -> Iterator[Server]:
    """`python -m <module> <port> <arguments>`."""
    with running_postgres() as postgres:
        port = free_port()
        argv = [sys.executable, "-m", module, str(port), *arguments(postgres, folder)]
        with pinned_server(argv, port, folder=ROOT, log=folder / "server.log") as pid:
            yield Server(ProcessTree(pid, postgres.pid), _target(port), postgres.flush)


def _committers(count: int) -> Arguments:
    return lambda postgres, _: [postgres.url, str(count)]


def _pgbench_arguments(postgres: Postgres, folder: Path) -> list[str]:
    return [postgres.url, str(CONNECTIONS), str(binary("pgbench")), str(folder / "mutation.sql")]


def _missing_on_postgres() -> str:
    return missing_postgres() or missing_compiler()


def _missing_pgbench() -> str:
    return _missing_on_postgres() or ("" if binary("pgbench") else "pgbench is not installed")


def _on_postgres_subject(name: str, module: str, arguments: Arguments) -> Subject:
    return Subject(name, ON_POSTGRES, partial(_on_postgres, module, arguments), _missing_on_postgres)


COMMITS = [
    Subject(COMMIT_EACH, ON_SQLITE, partial(_on_sqlite, "bench.floors.sqlite_commits"), missing_compiler),
    Subject(IN_PROCESS, ON_SQLITE, partial(_on_sqlite, "bench.parts.state_documents"), missing_compiler),
    _on_postgres_subject(COMMIT_EACH, "bench.floors.postgres_commits", _committers(1)),
    _on_postgres_subject(SHARED_COMMITS, "bench.floors.postgres_commits", _committers(CONNECTIONS)),
    Subject(PGBENCH, ON_POSTGRES, partial(_on_postgres, "bench.floors.pgbench", _pgbench_arguments), _missing_pgbench),
    _on_postgres_subject(IN_PROCESS, "bench.parts.state_documents", lambda postgres, _: [postgres.url]),
]
