"""Syncline with accounts, sessions and shared state, on each of its databases."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from bench.flush import Flush, missing_compiler
from bench.process_tree import ProcessTree
from bench.subjects import node
from bench.subjects.centrifuge import SYNCLINE
from bench.subjects.postgres import missing_postgres, running_postgres
from bench.subjects.subject import Server, Subject


@contextlib.contextmanager
def _on_sqlite(folder: Path) -> Iterator[Server]:
    flush = Flush(folder)
    with node.running_node(folder, node.WITH_ACCOUNTS, environment=flush.environment) as (pid, target):
        yield Server(ProcessTree(pid), target, flush)


@contextlib.contextmanager
def _on_postgres(folder: Path) -> Iterator[Server]:
    with running_postgres() as postgres:
        sections = {**node.WITH_ACCOUNTS, "database": {"url": postgres.url}}
        with node.running_node(folder, sections, flags=["--migrate"]) as (pid, target):
            yield Server(ProcessTree(pid, postgres.pid), target, postgres.flush)


def _missing_on_postgres() -> str:
    return missing_postgres() or missing_compiler()


WITH_ACCOUNTS = [
    Subject(SYNCLINE, frozenset({"mutations_sqlite", "revocation"}), _on_sqlite, missing_compiler),
    Subject(SYNCLINE, frozenset({"mutations_postgres"}), _on_postgres, _missing_on_postgres),
]
