"""Backups of the embedded database: SQLite's own online copy."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from storage.backup_file import sync
from storage.database import CannotOpen
from storage.migration import LOG_TABLE
from storage.sqlite import connect
from storage.sqlite_errors import is_unavailable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from storage.config import StorageConfig

NAME: Final = "SQLite"

ALL_PAGES: Final = -1
"""In one step, which holds up no writer. One in several starts again at each write: on a busy server it never ends."""

IN_USE_WAIT_MS: Final = 100


def dump(config: StorageConfig, payload: Path) -> None:
    if not config.sqlite_path.exists():
        raise CannotOpen(f"there is no database at {config.sqlite_path}")
    try:
        with closing(connect(config.sqlite_path)) as source, closing(sqlite3.connect(payload)) as target:
            source.backup(target, pages=ALL_PAGES)
            target.execute("PRAGMA journal_mode = DELETE")  # one file, complete by itself
    except sqlite3.Error as exc:
        raise CannotOpen(f"SQLite: {config.sqlite_path}: {exc}") from exc


def read_revisions(payload: Path) -> dict[str, str]:
    try:
        with closing(sqlite3.connect(payload)) as connection:
            complaints = [row[0] for row in connection.execute("PRAGMA integrity_check(10)")]
            if complaints != ["ok"]:
                raise CannotOpen(f"the database is damaged: {complaints[0]}")
            return dict(connection.execute(f"SELECT revision, sha256 FROM {LOG_TABLE}").fetchall())
    except sqlite3.Error as exc:
        raise CannotOpen(f"the database is damaged, or has no schema yet: {exc}") from exc


def require_free(config: StorageConfig, revisions: Mapping[str, str]) -> None:  # noqa: ARG001  # the file is replaced
    """Leaving WAL mode needs the file for itself alone, and SQLite removes the log with it."""
    if not config.sqlite_path.exists():
        return
    try:
        with closing(sqlite3.connect(config.sqlite_path, timeout=IN_USE_WAIT_MS / 1000)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.DatabaseError as exc:
        if is_unavailable(exc) and exc.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise CannotOpen(f"{config.sqlite_path} is in use: stop the server first") from exc
        # Otherwise it is damaged, which is what backups are for.


def load(config: StorageConfig, payload: Path, epoch: str) -> None:
    with closing(sqlite3.connect(payload, isolation_level=None)) as connection:
        connection.execute(
            "INSERT INTO facts (name, value) VALUES ('state_epoch', ?) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (epoch,),
        )
    sync(payload)
    for suffix in ("-wal", "-shm", "-journal"):  # of the old content; gone already, unless that was damaged
        with suppress(FileNotFoundError):
            config.sqlite_path.with_name(config.sqlite_path.name + suffix).unlink()
    payload.replace(config.sqlite_path)
    sync(config.sqlite_path.parent)
