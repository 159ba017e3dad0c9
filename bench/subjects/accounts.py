"""Syncline with accounts, sessions and shared state, on each of its databases."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.flush import Flush, missing_compiler
from bench.generator import ROOT
from bench.load.target import Target
from bench.pinned import free_port, pinned_server
from bench.process_tree import ProcessTree
from bench.subjects.centrifuge import SYNCLINE, configuration
from bench.subjects.postgres import missing_postgres, running_postgres
from bench.subjects.subject import Server, Subject

_UNLIMITED = 1_000_000

_SECTIONS: dict[str, object] = {
    "accounts": {
        "enabled": True,
        "secret_key": "bench-secret-of-no-value-outside-the-bench",
        "access_token_ttl": "1h",
        # What a password costs is not measured here, and hundreds of devices log in before what is.
        "password": {"memory_kib": 64, "iterations": 1},
        "throttle": {"register_address": {"burst": _UNLIMITED}},
    },
    "rest": {"address_rate_limit": 0, "user_rate_limit": 0},
    "state": {"mutation_rate_limit": 0},
}


@contextlib.contextmanager
def _serving(
    folder: Path, sections: Mapping[str, object], environment: Mapping[str, str], flags: Sequence[str] = ()
) -> Iterator[tuple[int, Target]]:
    """A node with these sections in its configuration: its pid, and where it is."""
    port, file = free_port(), folder / "config.json"
    document = {**configuration(port, {"command_rate_limit": 0}), **_SECTIONS, **sections}
    file.write_bytes(msgspec.json.encode(document))
    argv = [sys.executable, "main.py", "serve", "--config", str(file), "--data-dir", str(folder / "data"), *flags]
    log = folder / "server.log"
    with pinned_server(argv, port, folder=ROOT, log=log, environment=environment) as pid:
        yield pid, Target("centrifuge", "127.0.0.1", port, "/connection/websocket")


@contextlib.contextmanager
def _on_sqlite(folder: Path) -> Iterator[Server]:
    flush = Flush(folder)
    with _serving(folder, {}, flush.environment) as (pid, target):
        yield Server(ProcessTree(pid), target, flush)


@contextlib.contextmanager
def _on_postgres(folder: Path) -> Iterator[Server]:
    with running_postgres() as postgres:
        sections = {"database": {"url": postgres.url}}
        with _serving(folder, sections, {}, ["--migrate"]) as (pid, target):
            yield Server(ProcessTree(pid, postgres.pid), target, postgres.flush)


def _missing_on_postgres() -> str:
    return missing_postgres() or missing_compiler()


WITH_ACCOUNTS = [
    Subject(SYNCLINE, frozenset({"mutations_sqlite", "revocation"}), _on_sqlite, missing_compiler),
    Subject(SYNCLINE, frozenset({"mutations_postgres"}), _on_postgres, _missing_on_postgres),
]
