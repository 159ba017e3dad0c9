"""Open the storage that a configuration names."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from storage.database import CannotOpen, Storage
from storage.migration import SchemaStatus, compare, schema_status
from storage.migration_tree import read_tree
from storage.sqlite import open_sqlite

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager

    from storage.config import StorageConfig


def is_embedded(config: StorageConfig) -> bool:
    """Whether the database is this node's own file: it migrates by itself, and nobody else runs on it."""
    return not config.is_postgres


@asynccontextmanager
async def open_storage(config: StorageConfig) -> AsyncIterator[Storage]:
    """The storage, once it answers. Its schema is what it is: see `storage.migration.prepare_schema`.

    Raises:
        CannotOpen: with what the operator can do about it.
    """
    async with _open_postgres(config) if config.is_postgres else _open_sqlite(config) as storage:
        yield storage


async def status_of(config: StorageConfig) -> SchemaStatus:
    """Where the schema stands, without making a database that is not there.

    Raises:
        CannotOpen, StorageUnavailable
    """
    if is_embedded(config) and not config.sqlite_path.exists():
        return compare(read_tree(), {})
    async with open_storage(config) as storage:
        return await schema_status(storage.relay)


@asynccontextmanager
async def _open_sqlite(config: StorageConfig) -> AsyncIterator[Storage]:
    """One database for everything: its writer takes all units of work in turn, and readers wait for nobody."""
    async with open_sqlite(config.sqlite_path, config.unit_deadline_s) as database:
        yield Storage(auth=database, business=database, relay=database)


def _open_postgres(config: StorageConfig) -> AbstractAsyncContextManager[Storage]:
    try:
        from storage.postgres import open_postgres  # noqa: PLC0415  # 140 ms that only its users should pay
    except ImportError as exc:
        raise CannotOpen('PostgreSQL needs the extra "postgres": pip install "syncline[postgres]"') from exc
    return open_postgres(config)
