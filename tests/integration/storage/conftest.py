"""A durable PostgreSQL server for each test, to be broken, and a storage with the deadlines of production."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from storage.config import StorageConfig
from storage.opening import open_storage
from tests.support.patience import TIME_SCALE
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.specimens import create_specimens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from storage.database import Database, Storage

DATABASE = "syncline"

MAX_CONNECTIONS = 24
"""Room for a storage (14), the tests' own connections, and those kept for superusers (3)."""


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    settings = {"max_connections": str(MAX_CONNECTIONS), "deadlock_timeout": "'50ms'"}
    with postgres_server(settings=settings) as server:
        server.create_database(DATABASE)
        yield server


@pytest.fixture
def config(server: PostgresServer) -> StorageConfig:
    usual = StorageConfig(url=server.url(DATABASE))
    return replace(
        usual,
        acquire_deadline_s=usual.acquire_deadline_s * TIME_SCALE,
        command_deadline_s=usual.command_deadline_s * TIME_SCALE,
        unit_deadline_s=usual.unit_deadline_s * TIME_SCALE,
    )


@pytest.fixture
async def broken_storage(config: StorageConfig) -> AsyncIterator[Storage]:
    """Not broken yet."""
    async with open_storage(config) as storage:
        await create_specimens(storage.business)
        yield storage


@pytest.fixture
def database(broken_storage: Storage) -> Database:
    return broken_storage.business
