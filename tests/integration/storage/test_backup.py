"""A backup comes back whole, under a new epoch, or not at all; on both databases."""

from __future__ import annotations

import asyncio
import os
import stat
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from storage import backup_postgres
from storage.backup import back_up, restore
from storage.database import CannotOpen, Query
from storage.opening import open_storage
from tests.support.databases import PATIENT

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.config import StorageConfig
    from storage.database import Transaction

ADD_FACT: Final = Query("fact.add", "INSERT INTO facts (name, value) VALUES ($1, $2)")
SET_FACT: Final = Query("fact.set", "UPDATE facts SET value = $2 WHERE name = $1")
FACTS: Final = Query("fact.all", "SELECT name, value FROM facts")
ADD_MIGRATION: Final = Query(
    "log.add", "INSERT INTO migration_log (revision, sha256, applied_ms) VALUES ('9999', '', 0)"
)
REMOVE_MIGRATION: Final = Query("log.remove", "DELETE FROM migration_log WHERE revision = '9999'")
ADD_VIEW: Final = Query("view", "CREATE VIEW in_the_way AS SELECT email FROM users")


async def write(config: StorageConfig, query: Query, *values: str) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(query, *values)

    async with open_storage(config) as storage:
        await storage.business.run(work)


async def facts(config: StorageConfig) -> dict[str, str]:
    async with open_storage(config) as storage:
        return dict(await storage.business.fetch(FACTS))


@pytest.fixture
async def filled(storage_config: StorageConfig) -> StorageConfig:
    await write(storage_config, ADD_FACT, "state_epoch", "first")
    await write(storage_config, ADD_FACT, "answer", "it's 42\n\t\\.")
    return storage_config


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "it's a backup"


@pytest.fixture
async def backup(filled: StorageConfig, file: Path) -> Path:
    """Made, and then the database has moved on."""
    await asyncio.to_thread(back_up, filled, file)
    await write(filled, SET_FACT, "answer", "43")
    return file


class Handover:
    """What has to go before anything is changed."""

    is_gone = False

    def take(self) -> None:
        self.is_gone = True


async def put_back(config: StorageConfig, file: Path) -> Handover:
    handover = Handover()
    await asyncio.to_thread(restore, config, file, before_change=handover.take)
    return handover


async def refuses(config: StorageConfig, file: Path, reason: str) -> None:
    """It says why, and changes nothing."""
    before = await facts(config)
    handover = Handover()
    with pytest.raises(CannotOpen, match=reason):
        await asyncio.to_thread(restore, config, file, before_change=handover.take)
    assert not handover.is_gone
    assert await facts(config) == before


async def test_the_data_comes_back_and_the_epoch_does_not(filled: StorageConfig, backup: Path) -> None:
    handover = await put_back(filled, backup)
    assert handover.is_gone
    first = await facts(filled)
    assert (first.pop("answer"), len(first["state_epoch"]) >= 16) == ("it's 42\n\t\\.", True)
    await put_back(filled, backup)
    second = await facts(filled)
    assert len({"first", first["state_epoch"], second["state_epoch"]}) == 3


async def test_only_its_owner_can_read_it(backup: Path) -> None:
    assert stat.S_IMODE(os.stat(backup).st_mode) == 0o600
    assert [name for name in os.listdir(backup.parent) if name.startswith("it's")] == [backup.name]


async def test_replaces_no_other_file_unless_told_to(filled: StorageConfig, backup: Path) -> None:
    with pytest.raises(CannotOpen, match="exists"):
        await asyncio.to_thread(back_up, filled, backup)
    await asyncio.to_thread(back_up, filled, backup, may_replace=True)
    await put_back(filled, backup)
    assert (await facts(filled))["answer"] == "43"


async def test_is_one_moment_of_a_database_that_is_written_to(filled: StorageConfig, file: Path) -> None:
    async def add_pair(transaction: Transaction, number: int) -> None:
        await transaction.execute(ADD_FACT, f"left {number}", "")
        await transaction.execute(ADD_FACT, f"right {number}", "")

    async def write_pairs() -> None:
        number = 0
        async with open_storage(filled) as storage:
            while True:
                number += 1
                await storage.business.run(lambda tx, n=number: add_pair(tx, n))  # type: ignore[misc]  # n=number

    writing = asyncio.create_task(write_pairs())
    for _ in range(3):
        await asyncio.to_thread(back_up, filled, file, may_replace=True)
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await put_back(filled, file)
    names = set(await facts(filled))
    lefts = {name.removeprefix("left ") for name in names if name.startswith("left")}
    assert len(lefts) > 1
    assert lefts == {name.removeprefix("right ") for name in names if name.startswith("right")}


DAMAGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "empty": lambda whole: whole[:0],
    "cut off early": lambda whole: whole[: len(whole) // 3],
    "cut off late": lambda whole: whole[:-15_000],
    "zeroes": lambda whole: whole[:5_000] + bytes(2_000) + whole[7_000:],
    "one bit": lambda whole: whole[:9_000] + bytes([whole[9_000] ^ 1]) + whole[9_001:],
    "something else": lambda whole: b"PGDMP" * len(whole),
}


@pytest.mark.parametrize("damage", DAMAGES)
async def test_a_damaged_file_is_refused(filled: StorageConfig, backup: Path, damage: str) -> None:
    rewrite(backup, DAMAGES[damage])
    await refuses(filled, backup, "damaged")


def rewrite(file: Path, change: Callable[[bytes], bytes]) -> None:
    file.write_bytes(change(file.read_bytes()))


async def test_a_backup_of_the_other_database_is_refused(filled: StorageConfig, backup: Path) -> None:
    other = replace(filled, url="" if filled.is_postgres else "postgresql://me@db/x", sqlite_path=backup.parent / "new")
    with pytest.raises(CannotOpen, match="is a backup of"):
        await put_back(other, backup)


async def test_is_refused_while_a_server_runs(filled: StorageConfig, backup: Path) -> None:
    async with open_storage(filled) as storage:
        await storage.relay.ping()
        with pytest.raises(CannotOpen, match="stop the"):
            await put_back(filled, backup)
    assert (await facts(filled))["answer"] == "43"
    await put_back(filled, backup)


async def test_a_backup_of_a_newer_program_is_refused(filled: StorageConfig, file: Path) -> None:
    await write(filled, ADD_MIGRATION)
    await asyncio.to_thread(back_up, filled, file)
    await write(filled, REMOVE_MIGRATION)
    await refuses(filled, file, "newer than this program: it has migration 9999")


async def test_nothing_is_half_restored(filled: StorageConfig, backup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step fails: everything is as it was."""
    if filled.is_postgres:
        await write(filled, ADD_VIEW)  # `users` cannot be dropped
    else:
        monkeypatch.setattr("storage.backup_sqlite.sync", fail)
    with pytest.raises((CannotOpen, OSError), match="in_the_way"):
        await put_back(filled, backup)
    assert await facts(filled) == {"state_epoch": "first", "answer": "43"}


def fail(*_: object) -> None:
    raise OSError("in_the_way")


async def test_a_schema_ahead_of_the_backup_has_to_go_first(filled: StorageConfig, backup: Path) -> None:
    """SQLite replaces the file; PostgreSQL the tables, and would leave those that a later migration has made."""
    await write(filled, ADD_MIGRATION)
    if filled.is_postgres:
        await refuses(filled, backup, r"has not \(9999\): run `syncline migrate down 0\d+` first")
    else:
        await put_back(filled, backup)
        assert (await facts(filled))["answer"].startswith("it's 42")


async def test_a_damaged_database_is_replaced(tmp_path: Path, sqlite_template: Path) -> None:
    config = replace(PATIENT, sqlite_path=tmp_path / "syncline.db")
    config.sqlite_path.write_bytes(b"SQLite format 3\0" + b"?" * 5_000)
    config.sqlite_path.with_name("syncline.db-wal").write_bytes(b"the log of another content")
    await asyncio.to_thread(back_up, replace(PATIENT, sqlite_path=sqlite_template), tmp_path / "good")
    await put_back(config, tmp_path / "good")
    assert set(await facts(config)) == {"state_epoch"}


async def test_a_program_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(CannotOpen, match="pg_dump is not installed"):
        back_up(replace(PATIENT, url="postgresql://me@db/x"), tmp_path / "backup")
    assert os.listdir(tmp_path) == []


def test_a_password_is_not_in_the_list_of_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    commands: list[tuple[tuple[str, ...], str]] = []

    def run(command: tuple[str, ...], *, env: dict[str, str], **_: object) -> None:
        commands.append((command, env["PGPASSWORD"]))
        raise FileNotFoundError

    monkeypatch.setattr("subprocess.run", run)
    config = replace(PATIENT, url="postgresql://me:s%20cret@db:5432/x?sslmode=require")
    with pytest.raises(CannotOpen):
        backup_postgres.dump(config, Path("draft"))
    [(command, password)] = commands
    assert "--dbname=postgresql://me@db:5432/x?sslmode=require" in command
    assert password == "s cret"
    assert "cret" not in " ".join(command)
