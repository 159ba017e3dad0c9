"""PostgreSQL dies, freezes, turns read-only, refuses connections: nobody waits, nobody is cut off, nothing is lost.

20 users write and 20 live connections follow, through all of it.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg
import pytest

from tests.e2e.devices import Devices, devices_on, operate, platform
from tests.e2e.mutators import mutating
from tests.support.patience import PATIENCE_S, TIME_SCALE, eventually
from tests.support.postgres import APP_USER, PostgresServer, postgres_server
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from tests.support.server import Config, NodeProcess

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120 * TIME_SCALE)]

WRITERS = 20

DATABASE = "syncline"

MAX_CONNECTIONS = 24
"""Room for a node (14), the tests' own connections, and those kept for superusers (3)."""

HOARDER = "hoarder"
"""The application name of whoever takes connections away from the node."""

OF_THE_NODE = f"FROM pg_stat_activity WHERE usename = '{APP_USER}' AND application_name <> '{HOARDER}'"


@dataclass
class Platform:
    """A node on a database that can be broken."""

    node: NodeProcess
    database: PostgresServer
    devices: Devices

    async def is_well(self) -> bool:
        """The node can serve, and every event of what was committed has gone out."""
        return await self.node.readiness() == 200 and await self._num_unpublished() == 0

    async def _num_unpublished(self) -> object:
        [(count,)] = await self.database.execute("SELECT count(*) FROM outbox", database=DATABASE)
        return count


@pytest.fixture
def database() -> Iterator[PostgresServer]:
    with postgres_server(settings={"max_connections": str(MAX_CONNECTIONS)}) as server:
        yield server


@pytest.fixture
async def on_postgres(database: PostgresServer, tmp_path: Path) -> AsyncIterator[Platform]:
    config = configuration(database.create_database(DATABASE))
    await operate(config, tmp_path, "migrate", "up")
    async with running_server(config, data_dir=tmp_path) as node, devices_on(node) as devices:
        yield Platform(node, database, devices)


def configuration(url: str) -> Config:
    """The deadlines of production, as far as the machine allows."""
    deadlines = {"acquire_timeout": 0.5, "command_timeout": 1.0, "unit_timeout": 1.5}
    scaled = {name: f"{round(1000 * seconds * TIME_SCALE)}ms" for name, seconds in deadlines.items()}
    return platform(database={"url": url, **scaled})


async def test_killed_and_started_again(on_postgres: Platform) -> None:
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        on_postgres.database.kill()
        await mutators.are_refused()
        on_postgres.database.start()
        await on_postgres.database.ready()
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_frozen_and_thawed(on_postgres: Platform) -> None:
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        on_postgres.database.pause()
        await mutators.are_refused()
        on_postgres.database.resume()
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_read_only_as_after_a_failover(on_postgres: Platform) -> None:
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        on_postgres.database.set("default_transaction_read_only", "on")
        await mutators.are_refused()
        on_postgres.database.set("default_transaction_read_only", "off")
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_no_connection_to_be_had(on_postgres: Platform) -> None:
    """All slots are somebody else's, and the node's own connections are lost."""
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        async with all_connections_taken(on_postgres.database):
            await mutators.are_refused()
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_restarted_again_and_again(on_postgres: Platform) -> None:
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        for _ in range(3):
            await mutators.are_answered()
            on_postgres.database.stop()
            on_postgres.database.start()
            await on_postgres.database.ready()
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_the_node_dies_with_mutations_under_way(on_postgres: Platform, tmp_path: Path) -> None:
    """What was acknowledged is in the log; what was on its way is repeated, and counts once.

    Events that were committed and not published, or not known to be, are published by the successor.
    """
    config = configuration(on_postgres.database.url(DATABASE))
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        on_postgres.node.kill()
        await on_postgres.node.ended()
        await mutators.are_cut_off()
        async with running_server(config, data_dir=tmp_path, port=on_postgres.node.port):
            await mutators.are_answered()
            await mutators.finish()
            await mutators.check_logs()
            await eventually(on_postgres.is_well)


@contextlib.asynccontextmanager
async def all_connections_taken(database: PostgresServer) -> AsyncIterator[None]:
    """As fast as the node's are cut they are taken, until not one is left to it."""
    hoard: list[asyncpg.Connection] = []
    try:
        while await connections_of_the_node(database):
            await database.execute(f"SELECT pg_terminate_backend(pid) {OF_THE_NODE}")
            with contextlib.suppress(asyncpg.TooManyConnectionsError):
                while True:
                    hoard.append(await one_more(database))
        yield
    finally:
        for connection in hoard:
            connection.terminate()


async def connections_of_the_node(database: PostgresServer) -> object:
    [(count,)] = await database.execute(f"SELECT count(*) {OF_THE_NODE}")
    return count


async def one_more(database: PostgresServer) -> asyncpg.Connection:
    url = database.url(DATABASE)
    return await asyncpg.connect(url, server_settings={"application_name": HOARDER}, timeout=PATIENCE_S)
