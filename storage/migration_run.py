"""Run Alembic over the tree: one lock, one transaction, on either database.

Imports SQLAlchemy, which only lends Alembic its connection: drivers and their settings are ours.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from alembic import command
from alembic.config import Config
from alembic.util import CommandError
from sqlalchemy import NullPool, create_engine, event, text
from sqlalchemy.exc import SQLAlchemyError

from storage.database import CannotOpen
from storage.migration import BASE, LOG_TABLE, SchemaStatus, compare, refuse_changed
from storage.migration_tree import TREE, Migration, read_tree
from storage.sqlite import connect

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from storage.config import StorageConfig

    Work = Callable[[Connection], tuple[Migration, ...]]

SQLITE_LOCK_WAIT_MS: Final = 30_000
POSTGRES_LOCK_WAIT: Final = "30s"
POSTGRES_TABLE_LOCK_WAIT: Final = "2s"
"""A migration that waits for a table makes everybody wait who comes after it: rather fail, and be tried again."""

POSTGRES_LOCK_KEY: Final = 0x53594E43  # "SYNC"

_ALEMBIC: Final = threading.Lock()
"""Alembic keeps its context in module globals."""

_NOW_MS: Final = {
    "sqlite": "CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)",
    "postgresql": "CAST(extract(epoch FROM now()) * 1000 AS bigint)",
}


def run_up(config: StorageConfig, tree: Path = TREE) -> tuple[Migration, ...]:
    """See `storage.migration.migrate_up`."""
    return _run(config, lambda connection: _Migrator(connection, tree).up())


def run_down(config: StorageConfig, target: str, tree: Path = TREE) -> tuple[Migration, ...]:
    """See `storage.migration.migrate_down`."""
    return _run(config, lambda connection: _Migrator(connection, tree).down(target))


class _Migrator:
    """One run on one connection, which holds the lock: nobody else can change the schema meanwhile."""

    def __init__(self, connection: Connection, tree: Path) -> None:
        self._connection = connection
        self._tree = tree
        self._migrations = read_tree(tree)

    def up(self) -> tuple[Migration, ...]:
        pending = self._status().pending
        if pending:
            command.upgrade(self._alembic(), "head")
        return pending

    def down(self, target: str) -> tuple[Migration, ...]:
        applied = self._status().applied
        if target != BASE and target not in {migration.revision for migration in applied}:
            raise CannotOpen(f"{target} is not applied")
        undone = tuple(migration for migration in reversed(applied) if target == BASE or migration.revision > target)
        if undone:
            command.downgrade(self._alembic(), target)
        return undone

    def _status(self) -> SchemaStatus:
        self._execute(
            f"CREATE TABLE IF NOT EXISTS {LOG_TABLE} "
            "(revision text PRIMARY KEY NOT NULL, sha256 text NOT NULL, applied_ms bigint NOT NULL)"
        )
        rows = self._connection.execute(text(f"SELECT revision, sha256 FROM {LOG_TABLE}")).all()
        status = compare(self._migrations, {revision: sha256 for revision, sha256 in rows})
        refuse_changed(status)
        if status.unknown:
            raise CannotOpen(f"the schema is newer than this program: it has {', '.join(status.unknown)}")
        return status

    def _alembic(self) -> Config:
        config = Config()
        config.set_main_option("script_location", str(self._tree).replace("%", "%%"))
        config.attributes["connection"] = self._connection
        config.attributes["on_version_apply"] = self._log
        return config

    def _log(self, *, step: Any, **_: Any) -> None:
        """Called by Alembic after each migration, inside the transaction."""
        revision = step.up_revision_id
        if not step.is_upgrade:
            self._execute(f"DELETE FROM {LOG_TABLE} WHERE revision = :revision", revision=revision)
            return
        sha256 = next(migration.sha256 for migration in self._migrations if migration.revision == revision)
        now_ms = _NOW_MS[self._connection.dialect.name]
        self._execute(
            f"INSERT INTO {LOG_TABLE} VALUES (:revision, :sha256, {now_ms})", revision=revision, sha256=sha256
        )

    def _execute(self, statement: str, **values: str) -> None:
        self._connection.execute(text(statement), values)


def _run(config: StorageConfig, work: Work) -> tuple[Migration, ...]:
    with _ALEMBIC, _failures():
        if config.is_postgres:
            return asyncio.run(_on_postgres(config, work))
        return _on_sqlite(config, work)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, CommandError) as exc:
        raise CannotOpen(f"the migration failed, nothing was changed: {exc}") from exc
    except OSError as exc:
        raise CannotOpen(f"the migration could not begin: {exc}") from exc


def _on_sqlite(config: StorageConfig, work: Work) -> tuple[Migration, ...]:
    """pysqlite would begin nothing before DDL, and a deferred transaction could not wait: we say when it begins."""

    def creator() -> sqlite3.Connection:
        return connect(config.sqlite_path, SQLITE_LOCK_WAIT_MS)

    engine = create_engine("sqlite://", creator=creator, poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    config.sqlite_path.parent.mkdir(parents=True, exist_ok=True)
    with engine.begin() as connection:
        return work(connection)


async def _on_postgres(config: StorageConfig, work: Work) -> tuple[Migration, ...]:
    import asyncpg  # noqa: PLC0415  # an extra
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415  # slow to import, and SQLite has no use for it

    async def creator() -> asyncpg.Connection[asyncpg.Record]:
        settings = {"application_name": "syncline-migrate", "lock_timeout": POSTGRES_LOCK_WAIT}
        return await asyncpg.connect(config.url, timeout=config.start_deadline_s, server_settings=settings)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({POSTGRES_LOCK_KEY})"))
            await connection.execute(text(f"SET LOCAL lock_timeout = '{POSTGRES_TABLE_LOCK_WAIT}'"))
            return await connection.run_sync(work)
    finally:
        await engine.dispose()
