"""One tree of migrations, on both databases: all or nothing, once, and never behind anybody's back."""

from __future__ import annotations

import asyncio
import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from storage.database import CannotOpen, Query
from storage.migration import BASE, migrate_down, migrate_up, prepare_schema, schema_status
from storage.migration_tree import TREE, read_tree
from storage.opening import open_storage, status_of
from tests.support.databases import KINDS, PATIENT
from tests.support.schemas import schema_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from storage.config import StorageConfig
    from tests.support.postgres import PostgresServer
    from tests.support.schemas import Table

ROOT = Path(__file__).parents[3]

OUR_OWN: Final = {"alembic_version", "migration_log"}
"""Tables that say what is applied; they stay."""

_numbers = count(1)


@pytest.fixture(params=KINDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StorageConfig]:
    """A database with nothing in it."""
    if request.param == "sqlite":
        yield replace(PATIENT, sqlite_path=tmp_path / "syncline.db")
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    name = f"migrations_{next(_numbers)}"
    yield replace(PATIENT, url=server.create_database(name))
    server.drop_database(name)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A tree of the tests' own, with nothing in it."""
    path = tmp_path / "100% tree"
    (path / "versions").mkdir(parents=True)
    shutil.copy(TREE / "env.py", path)
    return path


def grow(tree: Path, number: int, *statements: str) -> Path:
    """Add a migration of these statements; undone, it drops the table named after its number."""
    file = tree / "versions" / f"m{number:04}_step.py"
    before = repr(f"{number - 1:04}") if number > 1 else None
    file.write_text(
        f"from alembic import op\nrevision = '{number:04}'\ndown_revision = {before}\n"
        f"def upgrade():\n    for statement in {statements!r}:\n        op.execute(statement)\n"
        f"def downgrade():\n    op.execute('DROP TABLE t{number}')\n"
    )
    return file


async def tables(config: StorageConfig) -> dict[str, Table]:
    async with open_storage(config) as storage:
        return await schema_of(storage.relay)


def revisions(tree: Path) -> list[str]:
    return [migration.revision for migration in read_tree(tree)]


async def test_up_and_down_and_up_again_gives_the_same_schema(empty: StorageConfig) -> None:
    applied = await migrate_up(empty)
    assert [migration.revision for migration in applied] == revisions(TREE)
    before = await tables(empty)
    assert await migrate_up(empty) == ()
    undone = await migrate_down(empty, BASE)
    assert undone == tuple(reversed(applied))
    assert set(await tables(empty)) == OUR_OWN
    assert await migrate_down(empty, BASE) == ()
    assert await migrate_up(empty) == applied
    assert await tables(empty) == before


async def test_both_databases_get_the_same_schema(postgres: PostgresServer, tmp_path: Path) -> None:
    """Tables, columns with type, need and default, indexes and references."""
    embedded = replace(PATIENT, sqlite_path=tmp_path / "syncline.db")
    served = replace(PATIENT, url=postgres.create_database("drift"))
    schemas = []
    for config in (embedded, served):
        await migrate_up(config)
        schemas.append({name: table for name, table in (await tables(config)).items() if name != "alembic_version"})
    assert schemas[0] == schemas[1]
    assert len(schemas[0]) > 10
    postgres.drop_database("drift")


def test_the_files_are_a_chain_and_numbered_as_they_say() -> None:
    before: str | None = None
    for migration in read_tree():
        module = importlib.import_module(f"storage.migrations.versions.m{migration.revision}_{migration.name}")
        assert (module.revision, module.down_revision) == (migration.revision, before)
        before = migration.revision


async def test_a_statement_that_fails_undoes_the_whole_run(empty: StorageConfig, tree: Path) -> None:
    grow(tree, 1, "CREATE TABLE t1 (id bigint)")
    await migrate_up(empty, tree)
    before = await tables(empty)
    grow(tree, 2, "CREATE TABLE t2 (id bigint)", "INSERT INTO t2 VALUES (1)")
    broken = grow(
        tree, 3, "CREATE TABLE t3 (id bigint)", "ALTER TABLE t1 ADD COLUMN n bigint", "INSERT INTO nowhere VALUES (1)"
    )
    with pytest.raises(CannotOpen, match="nowhere"):
        await migrate_up(empty, tree)
    assert await tables(empty) == before
    broken.unlink()
    grow(tree, 3, "CREATE TABLE t3 (id bigint)")
    assert [migration.revision for migration in await migrate_up(empty, tree)] == ["0002", "0003"]
    assert set(await tables(empty)) == OUR_OWN | {"t1", "t2", "t3"}


async def test_going_down_stops_where_it_is_told_to(empty: StorageConfig, tree: Path) -> None:
    for number in (1, 2, 3):
        grow(tree, number, f"CREATE TABLE t{number} (id bigint)")
    await migrate_up(empty, tree)
    with pytest.raises(CannotOpen, match="0009 is not applied"):
        await migrate_down(empty, "0009", tree)
    assert [migration.revision for migration in await migrate_down(empty, "0001", tree)] == ["0003", "0002"]
    assert set(await tables(empty)) == OUR_OWN | {"t1"}


async def test_an_applied_file_that_was_changed_is_named(empty: StorageConfig, tree: Path) -> None:
    changed = grow(tree, 1, "CREATE TABLE t1 (id bigint)")
    await migrate_up(empty, tree)
    changed.write_bytes(changed.read_bytes().replace(b"\n", b"\r\n"))  # a checkout with other line ends is no change
    grow(tree, 2, "CREATE TABLE t2 (id bigint)")
    assert [migration.revision for migration in await migrate_up(empty, tree)] == ["0002"]
    changed.write_text(changed.read_text() + "# better\n")
    for call in (migrate_up(empty, tree), migrate_down(empty, BASE, tree)):
        with pytest.raises(CannotOpen, match="0001 step"):
            await call
    async with open_storage(empty) as storage:
        status = await schema_status(storage.relay, tree)
    assert [migration.revision for migration in status.changed] == ["0001"]
    assert not status.is_current


async def test_f36_a_newer_schema_is_served_but_not_migrated(empty: StorageConfig, tree: Path) -> None:
    """A node of the version before may start again in the middle of an update."""
    grow(tree, 1, "CREATE TABLE t1 (id bigint)")
    newer = grow(tree, 2, "CREATE TABLE t2 (id bigint)")
    await migrate_up(empty, tree)
    newer.unlink()
    async with open_storage(empty) as storage:
        status = await schema_status(storage.relay, tree)
    assert (status.unknown, status.is_current) == (("0002",), True)
    with pytest.raises(CannotOpen, match="newer than this program: it has 0002"):
        await migrate_up(empty, tree)


async def test_a_start_migrates_if_it_may_and_says_what_to_do_if_not(empty: StorageConfig) -> None:
    async with open_storage(empty) as storage:
        with pytest.raises(CannotOpen, match=r"lacks 0001 .*`syncline migrate up`"):
            await prepare_schema(storage.relay, empty, may_migrate=False)
        applied = await prepare_schema(storage.relay, empty, may_migrate=True)
        assert [migration.revision for migration in applied] == revisions(TREE)
        assert await prepare_schema(storage.relay, empty, may_migrate=False) == ()
        assert await storage.relay.fetch(Query("facts", "SELECT * FROM facts")) == []


async def test_asking_makes_no_database(tmp_path: Path) -> None:
    config = replace(PATIENT, sqlite_path=tmp_path / "none" / "none.db")
    assert [migration.revision for migration in (await status_of(config)).pending] == revisions(TREE)
    assert "none" not in os.listdir(tmp_path)


_IN_A_PROCESS = """
import asyncio, sys
from pathlib import Path
from storage.config import StorageConfig
from storage.migration import migrate_up, prepare_schema
from storage.opening import open_storage

config = StorageConfig(url=sys.argv[1], sqlite_path=Path(sys.argv[2]))

async def start():
    async with open_storage(config) as storage:
        return await prepare_schema(storage.relay, config, may_migrate=True)

print(len(asyncio.run(start())), "sqlalchemy" in sys.modules)
"""


async def run_in_a_process(config: StorageConfig) -> list[str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _IN_A_PROCESS, config.url, str(config.sqlite_path)), stdout=subprocess.PIPE, cwd=ROOT
    )
    output, _ = await process.communicate()
    assert process.returncode == 0
    return output.decode().split()


async def test_nodes_that_start_together_migrate_once(empty: StorageConfig) -> None:
    outcomes = await asyncio.gather(*(run_in_a_process(empty) for _ in range(3)))
    assert sorted(int(applied) for applied, _ in outcomes) == [0, 0, len(revisions(TREE))]
    assert (await status_of(empty)).is_current


async def test_a_start_with_a_current_schema_does_not_pay_for_sqlalchemy(storage_config: StorageConfig) -> None:
    assert await run_in_a_process(storage_config) == ["0", "False"]
