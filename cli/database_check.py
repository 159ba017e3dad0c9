"""Whether the database that accounts need could be used now: a part of `syncline doctor`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from cli.check import Check, Status

if TYPE_CHECKING:
    from pathlib import Path

    from sessions.config import SessionsConfig
    from settings.model import Settings
    from storage.config import StorageConfig
    from storage.migration import SchemaStatus


def check_database(settings: Settings, data_dir: Path) -> Check | None:
    """None where accounts are off. Looks only: nothing is made and nothing is migrated."""
    if not settings.accounts.enabled:
        return None
    from sessions.secret_mark import AnotherSecret
    from settings.session_views import sessions_config, storage_config
    from storage.database import CannotOpen, StorageUnavailable

    config = storage_config(settings, data_dir)
    subject = _subject(config)
    try:
        return _judge(subject, config, asyncio.run(_examined(config, sessions_config(settings))))
    except (CannotOpen, StorageUnavailable, AnotherSecret, OSError) as exc:
        return Check(Status.FAIL, subject, str(exc))


async def _examined(config: StorageConfig, sessions: SessionsConfig) -> SchemaStatus:
    """Raises: AnotherSecret."""
    from sessions.secret_mark import check_secret
    from storage.opening import open_storage, status_of

    schema = await status_of(config)
    if schema.applied and not schema.pending:
        async with open_storage(config) as storage:
            await check_secret(storage.auth, sessions.secret, sessions.previous_secret)
    return schema


def _judge(subject: str, config: StorageConfig, schema: SchemaStatus) -> Check:
    from storage.opening import is_embedded

    if schema.changed:
        return Check(Status.FAIL, subject, "a migration has changed since it was applied; `syncline migrate status`")
    if schema.pending and not is_embedded(config):
        return Check(Status.FAIL, subject, "its schema is behind: run `syncline migrate up`, or start with --migrate")
    return Check(Status.OK, subject)


def _subject(config: StorageConfig) -> str:
    """Without the URL: there is a password in it."""
    from storage.opening import is_embedded

    return f"database {config.sqlite_path}" if is_embedded(config) else "database PostgreSQL"
