"""SQLite's own: groups, the file, the disk, the thread. What it shares with PostgreSQL is in tests/contract."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import threading
from contextlib import AsyncExitStack, closing
from typing import TYPE_CHECKING, Any

import pytest

from storage import sqlite_writer
from storage.database import CannotOpen, Query, StorageUnavailable
from storage.sqlite import SQLiteDatabase, connect, open_sqlite
from tests.support import specimens
from tests.support.patience import PATIENCE_S, TIME_SCALE, eventually
from tests.support.specimens import add, create_specimens, ids

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from storage.database import Transaction


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "syncline.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[SQLiteDatabase]:
    async with open_sqlite(path, PATIENCE_S) as database:
        await create_specimens(database)
        yield database


async def test_units_that_come_together_share_a_commit(database: SQLiteDatabase) -> None:
    await asyncio.gather(*(add(database, number) for number in range(2_000)))
    assert database.counters.commits == 2_001
    assert database.counters.groups < 200


async def test_closing_writes_what_waits_and_then_nothing(path: Path) -> None:
    async with open_sqlite(path, PATIENCE_S) as database:
        await create_specimens(database)
        calls = [asyncio.create_task(add(database, number)) for number in range(500)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*calls) == list(range(500))
    for late in (add(database, 1), database.fetch(specimens.ALL), database.ping()):
        with pytest.raises(StorageUnavailable, match="closed"):
            await late
    assert not [thread for thread in threading.enumerate() if thread.name == "sqlite.writer"]
    assert [file.name for file in path.parent.iterdir()] == ["syncline.db"]
    async with open_sqlite(path, PATIENCE_S) as database:
        assert await ids(database) == set(range(500))


async def test_a_unit_that_awaits_something_else_is_told_so_and_undone(database: SQLiteDatabase) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(specimens.ADD, 1, 1)
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaited something other"):
        await database.run(work)
    assert await ids(database) == set()


async def test_a_unit_whose_caller_has_gone_before_its_turn_is_not_begun(database: SQLiteDatabase) -> None:
    began = threading.Event()
    release = threading.Event()

    async def hold(transaction: Transaction) -> None:
        began.set()
        release.wait(PATIENCE_S)

    holding = asyncio.create_task(database.run(hold))
    await eventually(began.is_set)
    leaving = asyncio.create_task(add(database, 1))
    staying = asyncio.create_task(add(database, 2))
    await eventually(lambda: database.num_waiting == 2)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    release.set()
    await asyncio.gather(holding, staying)
    assert await ids(database) == {2}


async def test_the_lock_of_another_process_is_waited_for_and_then_refused(
    path: Path, database: SQLiteDatabase, caplog: pytest.LogCaptureFixture
) -> None:
    await add(database, 1)
    with closing(connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")
        calls = [asyncio.create_task(add(database, number)) for number in range(2, 5)]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
        assert await ids(database) == {1}  # readers wait for nobody
        other.execute("ROLLBACK")
    assert database.counters.failures == 3
    assert "sqlite_write_failed" in caplog.messages
    await add(database, 5)
    assert await ids(database) == {1, 5}


async def test_a_caller_waits_no_longer_than_its_deadline(path: Path) -> None:
    async with open_sqlite(path, 0.05 * TIME_SCALE) as database:
        with closing(connect(path)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageUnavailable, match="in time"):
                await create_specimens(database)
        assert database.counters.failures == 1


async def test_a_full_disk_refuses_writes_and_loses_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, database: SQLiteDatabase
) -> None:
    fill = Query("fill", "INSERT INTO specimens (id, blob) VALUES ($1, $2)")
    limit_pages = Query("limit", "PRAGMA max_page_count = 60")
    lift = Query("lift", "PRAGMA max_page_count = 1000000")

    async def write(number: int) -> int:
        async def work(transaction: Transaction) -> int:
            await transaction.execute(fill, number, b"x" * 20_000)
            return number

        return await database.run(work)

    async def set_limit(transaction: Transaction, query: Query) -> Any:
        return await transaction.fetch(query)

    await database.run(lambda tx: set_limit(tx, limit_pages))
    outcomes = [await asyncio.gather(write(number), return_exceptions=True) for number in range(40)]
    kept = {number for [number] in outcomes if isinstance(number, int)}
    assert {type(outcome) for [outcome] in outcomes} == {int, StorageUnavailable}
    assert await ids(database) == kept
    await database.run(lambda tx: set_limit(tx, lift))
    await write(100)
    assert await ids(database) == kept | {100}


async def test_more_than_may_wait_are_turned_away(database: SQLiteDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_writer, "MAX_WAITING", 5)
    outcomes = await asyncio.gather(*(add(database, number) for number in range(2_000)), return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, StorageUnavailable)]
    assert len(refused) == database.counters.turned_away == database.counters.failures > 0
    assert await ids(database) == {outcome for outcome in outcomes if isinstance(outcome, int)}


async def test_only_the_owner_can_read_the_files(path: Path, database: SQLiteDatabase) -> None:
    await add(database, 1)
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(["syncline.db", "syncline.db-wal", "syncline.db-shm"], 0o600)


async def test_every_commit_reaches_the_disk(path: Path, database: SQLiteDatabase) -> None:
    """NORMAL would lose what was acknowledged with the power."""
    with closing(connect(path)) as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA foreign_keys").fetchone() == (1,)


async def test_reading_cannot_write(database: SQLiteDatabase) -> None:
    with pytest.raises((StorageUnavailable, sqlite3.Error)):
        await database.fetch(specimens.ADD, 1, 1)
    assert await ids(database) == set()


@pytest.mark.parametrize("obstacle", ["not a database at all, but long enough to be one" * 20, None])
async def test_what_is_no_database_cannot_be_opened(tmp_path: Path, obstacle: str | None) -> None:
    path = tmp_path / "here"
    path.write_text(obstacle) if obstacle else path.mkdir()
    async with AsyncExitStack() as stack:
        with pytest.raises(CannotOpen, match="here"):
            await stack.enter_async_context(open_sqlite(path))
