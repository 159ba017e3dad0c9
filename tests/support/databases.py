"""The databases that stores are tested on: SQLite and PostgreSQL, each with the whole schema and nothing in it.

A test that takes `storage` (or `storage_config`, to open it itself) runs once on each.
"""

from __future__ import annotations

import asyncio
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Final

import pytest

from storage.config import StorageConfig
from storage.migration import migrate_up
from storage.opening import open_storage
from tests.support.patience import TIME_SCALE
from tests.support.postgres import PostgresServer, postgres_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from storage.database import Storage

KINDS: Final = ("sqlite", "postgres")

PATIENT: Final = StorageConfig(
    acquire_deadline_s=5 * TIME_SCALE,
    command_deadline_s=5 * TIME_SCALE,
    unit_deadline_s=10 * TIME_SCALE,
    start_deadline_s=10 * TIME_SCALE,
)
"""Deadlines that a busy machine keeps. Tests of the deadlines have their own."""

_TEMPLATE: Final = "migrated"

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One server for all tests that do not break it."""
    with postgres_server(is_durable=False) as server:
        yield server


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the schema."""
    config = replace(PATIENT, sqlite_path=tmp_path_factory.mktemp("sqlite") / "template.db")
    _migrate(config)
    return config.sqlite_path


@pytest.fixture(scope="session")
def postgres_template(postgres: PostgresServer) -> str:
    """The name of a database with the schema; nobody is connected to it."""
    _migrate(replace(PATIENT, url=postgres.create_database(_TEMPLATE)))
    return _TEMPLATE


@pytest.fixture
def embedded(sqlite_template: Path, tmp_path: Path) -> StorageConfig:
    """An empty SQLite database with the schema, not open yet."""
    path = tmp_path / "syncline.db"
    shutil.copyfile(sqlite_template, path)
    return replace(PATIENT, sqlite_path=path)


@pytest.fixture(params=KINDS)
def storage_config(request: pytest.FixtureRequest) -> Iterator[StorageConfig]:
    """An empty database with the schema, not open yet: a test may open it again and again."""
    if request.param == "sqlite":
        yield request.getfixturevalue("embedded")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"test_{next(_numbers)}"
    yield replace(PATIENT, url=server.create_database(name, request.getfixturevalue("postgres_template")))
    server.drop_database(name)


@pytest.fixture
async def storage(storage_config: StorageConfig) -> AsyncIterator[Storage]:
    async with open_storage(storage_config) as opened:
        yield opened


def _migrate(config: StorageConfig) -> None:
    """In a thread of its own, because a loop may be running in this one."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, migrate_up(config)).result()
