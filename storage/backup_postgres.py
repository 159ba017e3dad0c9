"""Backups of PostgreSQL by its own programs: pg_dump's custom format, put back by psql in one transaction.

`pg_restore --single-transaction` would do the second part too, but it could not change the epoch in the same
transaction: it only writes the script.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from storage.database import CannotOpen, Query, StorageUnavailable
from storage.migration import LOG_TABLE, schema_status
from storage.opening import open_storage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from storage.config import StorageConfig
    from storage.migration import SchemaStatus

NAME: Final = "PostgreSQL"

_UNOWNED: Final = ("--no-owner", "--no-privileges")

_NODES: Final = Query(
    "backup.nodes",
    "",
    postgres="""SELECT count(*) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name LIKE 'syncline-%' AND pid <> pg_backend_pid()""",
)


def dump(config: StorageConfig, payload: Path) -> None:
    _run("pg_dump", "--format=custom", *_UNOWNED, f"--file={payload}", *_address(config), config=config)


def read_revisions(payload: Path) -> dict[str, str]:
    """pg_restore reads and decompresses everything when it writes the script, wherever that goes."""
    _run("pg_restore", f"--file={os.devnull}", str(payload))
    revisions = _copied_rows(_run("pg_restore", "--data-only", f"--table={LOG_TABLE}", "--file=-", str(payload)))
    if not revisions:
        raise CannotOpen("the database has no schema yet")
    return revisions


def _copied_rows(script: str) -> dict[str, str]:
    """The first two columns of what the script copies in."""
    _, _, copied = script.partition("FROM stdin;\n")
    lines = copied.partition("\\.\n")[0].splitlines()
    return {fields[0]: fields[1] for fields in (line.split("\t") for line in lines)}


def require_free(config: StorageConfig, revisions: Mapping[str, str]) -> None:
    _must_fit(asyncio.run(_look(config)), revisions)


def load(config: StorageConfig, payload: Path, epoch: str) -> None:
    """Both the payload and the script have password hashes in them: the directory of the payload is private."""
    script = payload.with_name("restore.sql")
    _run("pg_restore", "--clean", "--if-exists", *_UNOWNED, f"--file={script}", str(payload))
    begin_epoch = (
        f"RESET search_path; INSERT INTO facts (name, value) VALUES ('state_epoch', '{epoch}') "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )
    steps = ("--single-transaction", f"--file={script}", f"--command={begin_epoch}")
    _run("psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", *_address(config), *steps, config=config)


def _must_fit(status: SchemaStatus, revisions: Mapping[str, str]) -> None:
    """The script replaces the tables it knows; what a later migration has added would stay and be in the way."""
    ahead = {migration.revision for migration in status.applied} - set(revisions)
    if ahead or status.unknown:
        newest = max(revisions)
        raise CannotOpen(
            f"the database has migrations that the backup has not ({', '.join(sorted(ahead) or status.unknown)}): "
            f"run `syncline migrate down {newest}` first, or restore into an empty database"
        )


async def _look(config: StorageConfig) -> SchemaStatus:
    """The schema as it is; refuses while nodes run."""
    try:
        async with open_storage(config) as storage:
            [(num_open,)] = await storage.auth.fetch(_NODES)
            if num_open:
                raise CannotOpen(f"{num_open} connections of nodes are open: stop the nodes first")
            return await schema_status(storage.auth)
    except StorageUnavailable as exc:
        raise CannotOpen(f"PostgreSQL: {exc}") from exc


def _address(config: StorageConfig) -> tuple[str, ...]:
    """The URL without the password, which everybody could see in the list of processes."""
    parts = urlsplit(config.url)
    user, _, host = parts.netloc.rpartition("@")
    netloc = f"{user.partition(':')[0]}@{host}" if user else host
    return (f"--dbname={parts._replace(netloc=netloc).geturl()}",)


def _environment(config: StorageConfig | None) -> dict[str, str]:
    password = urlsplit(config.url).password if config is not None else None
    return {**os.environ, **({"PGPASSWORD": unquote(password)} if password else {})}


def _run(*command: str, config: StorageConfig | None = None) -> str:
    """What it wrote.

    Raises:
        CannotOpen: it is not installed, or it failed; with what it said.
    """
    try:
        done = subprocess.run(
            command, check=True, capture_output=True, text=True, stdin=subprocess.DEVNULL, env=_environment(config)
        )
    except FileNotFoundError:
        raise CannotOpen(f"{command[0]} is not installed: it comes with PostgreSQL's client programs") from None
    except subprocess.CalledProcessError as exc:
        raise CannotOpen(f"{command[0]} failed: {exc.stderr.strip()}") from exc
    return done.stdout
