"""PostgreSQL dies, freezes, turns read-only, refuses connections: nobody waits, nobody is cut off, nothing is lost.

20 users write and 20 live connections follow, through all of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import asyncpg
import pytest

from storage.database import CannotOpen
from storage.migration import migrate_down, migrate_up
from storage.migration_tree import TREE, read_tree
from tests.e2e.devices import Devices, devices_on, operate, platform
from tests.e2e.mutators import mutating
from tests.lab.fault_proxy import fault_proxy_to
from tests.support.databases import PATIENT
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


async def test_f29_killed_and_started_again(on_postgres: Platform) -> None:
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        on_postgres.database.kill()
        await mutators.are_refused()
        on_postgres.database.start()
        await on_postgres.database.ready()
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_f30_frozen_and_thawed(on_postgres: Platform) -> None:
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        on_postgres.database.pause()
        await mutators.are_refused()
        on_postgres.database.resume()
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_f31_the_answer_to_a_commit_is_lost(database: PostgresServer, tmp_path: Path) -> None:
    """Nobody knows whether it was done: the same mutation is sent again, and counts once."""
    async with fault_proxy_to(database.port) as proxy:
        url = database.create_database(DATABASE).replace(f":{database.port}/", f":{proxy.port}/")
        config = configuration(url)
        await operate(config, tmp_path, "migrate", "up")
        async with running_server(config, data_dir=tmp_path) as node, devices_on(node) as devices:
            async with mutating(devices, WRITERS) as mutators:
                for _ in range(5):
                    await mutators.are_answered()
                    await happened(proxy.cut_reply_once(b"COMMIT"))
                await mutators.are_answered()
            await mutators.check()
            await eventually(Platform(node, database, devices).is_well)


async def test_f32_read_only_as_after_a_failover(on_postgres: Platform) -> None:
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        on_postgres.database.set("default_transaction_read_only", "on")
        await mutators.are_refused()
        on_postgres.database.set("default_transaction_read_only", "off")
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_f33_no_connection_to_be_had(on_postgres: Platform) -> None:
    """All slots are somebody else's, and the node's own connections are lost."""
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        async with all_connections_taken(on_postgres.database):
            await mutators.are_refused()
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_f29_restarted_again_and_again(on_postgres: Platform) -> None:
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        for _ in range(3):
            await mutators.are_answered()
            on_postgres.database.stop()
            on_postgres.database.start()
            await on_postgres.database.ready()
        await mutators.are_answered()
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_f01_the_node_dies_with_mutations_under_way(on_postgres: Platform, tmp_path: Path) -> None:
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


async def test_f36_the_schema_grows_and_shrinks_under_a_running_node(on_postgres: Platform, tmp_path: Path) -> None:
    """A node of the version before serves both schemas, and nobody is refused while one becomes the other."""
    tree = tree_with_one_more(tmp_path)
    storage = replace(PATIENT, url=on_postgres.database.url(DATABASE))
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        await mutators.are_answered()
        [grown] = await migrate_up(storage, tree)
        await mutators.are_answered()
        assert await migrate_down(storage, read_tree(TREE)[-1].revision, tree) == (grown,)
        await mutators.are_answered()
        assert [member.refusals for member in mutators.members] == [0] * WRITERS
    await mutators.check()
    await eventually(on_postgres.is_well)


async def test_f36_a_migration_gives_way_to_who_holds_a_table(on_postgres: Platform, tmp_path: Path) -> None:
    """It fails within its 2 s and has changed nothing; those who waited behind it are served."""
    tree = tree_with_one_more(tmp_path)
    storage = replace(PATIENT, url=on_postgres.database.url(DATABASE))
    holder = await one_more(on_postgres.database)
    async with mutating(on_postgres.devices, WRITERS) as mutators:
        async with holder.transaction():
            await holder.execute("LOCK TABLE state_documents IN ACCESS SHARE MODE")
            async with asyncio.timeout(PATIENCE_S):
                with pytest.raises(CannotOpen, match="nothing was changed"):
                    await migrate_up(storage, tree)
            await mutators.are_answered()
        assert len(await migrate_up(storage, tree)) == 1
        await mutators.are_answered()
    await mutators.check()
    await holder.close()


def tree_with_one_more(tmp_path: Path) -> Path:
    """Our migrations, and one that the program does not know: it widens a table that is written all the time."""
    tree = tmp_path / "tree"
    shutil.copytree(TREE, tree, ignore=shutil.ignore_patterns("__pycache__"))
    last = read_tree(TREE)[-1].revision
    number = f"{int(last) + 1:04}"
    (tree / "versions" / f"m{number}_wider.py").write_text(
        f"from alembic import op\nrevision = '{number}'\ndown_revision = '{last}'\n"
        "def upgrade():\n    op.execute('ALTER TABLE state_documents ADD COLUMN later text')\n"
        "def downgrade():\n    op.execute('ALTER TABLE state_documents DROP COLUMN later')\n"
    )
    return tree


async def happened(event: asyncio.Event) -> None:
    async with asyncio.timeout(PATIENCE_S):
        await event.wait()


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
