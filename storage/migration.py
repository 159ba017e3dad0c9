"""Bring the schema to what this program needs; say where it stands.

Asking is cheap: one look-up, compared with the checksums of the files. Alembic and SQLAlchemy (0.3 s, 30 MB) are
imported only when there is something to apply.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from storage.database import CannotOpen, Query
from storage.migration_tree import TREE, Migration, read_tree

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from storage.config import StorageConfig
    from storage.database import Database

LOG_TABLE: Final = "migration_log"
"""Which migration was applied when, and the checksum it had."""

_HAS_LOG: Final = Query(
    "migration.has_log",
    "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = $1",
    postgres="SELECT count(*) FROM pg_tables WHERE tablename = $1 AND schemaname = ANY (current_schemas(false))",
)
_LOG: Final = Query("migration.log", f"SELECT revision, sha256 FROM {LOG_TABLE}")

BASE: Final = "base"
"""Below the first migration."""


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """The tree of this program beside what the database has.

    Attributes:
        applied: of our migrations, oldest first.
        pending: not applied yet, oldest first.
        changed: applied, but the file is not what it was then.
        unknown: revisions the database has and this program does not: a newer one was here.
    """

    applied: tuple[Migration, ...]
    pending: tuple[Migration, ...]
    changed: tuple[Migration, ...]
    unknown: tuple[str, ...]

    @property
    def is_current(self) -> bool:
        """Nothing to apply and nothing wrong. A newer schema is fine: it still carries the version before it."""
        return not self.pending and not self.changed


async def schema_status(database: Database, tree: Path = TREE) -> SchemaStatus:
    """Where the schema stands.

    Raises:
        StorageUnavailable
    """
    return compare(read_tree(tree), await _applied(database))


def compare(tree: Sequence[Migration], applied: Mapping[str, str]) -> SchemaStatus:
    """The tree beside revisions with the checksums they had."""
    known = {migration.revision for migration in tree}
    return SchemaStatus(
        applied=tuple(migration for migration in tree if migration.revision in applied),
        pending=tuple(migration for migration in tree if migration.revision not in applied),
        changed=tuple(m for m in tree if applied.get(m.revision, m.sha256) != m.sha256),
        unknown=tuple(sorted(revision for revision in applied if revision not in known)),
    )


async def _applied(database: Database) -> dict[str, str]:
    has_log = await database.fetch_one(_HAS_LOG, LOG_TABLE)
    return dict(await database.fetch(_LOG)) if has_log and has_log[0] else {}


async def prepare_schema(database: Database, config: StorageConfig, *, may_migrate: bool) -> tuple[Migration, ...]:
    """What a server does at its start: migrate if it may, refuse to run on a schema it does not know.

    Args:
        may_migrate: yes for the embedded default; on PostgreSQL only when asked for, because other nodes run on it.

    Returns:
        What was applied.

    Raises:
        CannotOpen: something is pending and must not be applied, or an applied migration has changed.
        StorageUnavailable
    """
    status = await schema_status(database)
    if status.is_current:
        return ()
    if not may_migrate:
        refuse_changed(status)
        labels = ", ".join(migration.label for migration in status.pending)
        raise CannotOpen(f"the schema lacks {labels}: run `syncline migrate up`, or start with --migrate")
    return await migrate_up(config)


def refuse_changed(status: SchemaStatus) -> None:
    if status.changed:
        labels = ", ".join(migration.label for migration in status.changed)
        raise CannotOpen(f"changed after it was applied: migration {labels}; a correction is a new migration")


async def migrate_up(config: StorageConfig, tree: Path = TREE) -> tuple[Migration, ...]:
    """Apply what is pending, all of it or nothing. Others who do the same at this moment wait and find it done.

    Returns:
        What was applied by this call.

    Raises:
        CannotOpen: it failed, and nothing was changed.
    """
    from storage.migration_run import run_up  # noqa: PLC0415  # imports SQLAlchemy

    return await asyncio.to_thread(run_up, config, tree)


async def migrate_down(config: StorageConfig, target: str, tree: Path = TREE) -> tuple[Migration, ...]:
    """Undo everything above the revision `target` (BASE: everything there is), the data in it included.

    Returns:
        What was undone, newest first.

    Raises:
        CannotOpen: it failed, and nothing was changed.
    """
    from storage.migration_run import run_down  # noqa: PLC0415  # imports SQLAlchemy

    return await asyncio.to_thread(run_down, config, target, tree)
