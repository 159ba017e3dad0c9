"""SQLite: one writer thread that commits what has gathered as a group, readers inline.

Measured (bench: mutations): a commit costs an fsync, some hundred times a row, so units of work that come while one
group is written share the next group's commit. Each unit has its own savepoint: one that fails leaves the others alone.
Reads run on the loop's thread: in WAL mode they never wait for the writer, and a look-up by key takes some 10 µs.

Open it after a fork, never before: SQLite's locks and the thread stay with the process that opened it.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

from storage.database import CannotOpen, Counters, Query, Row, StorageUnavailable, Transaction
from storage.sqlite_errors import translated
from storage.sqlite_transaction import checked, worded
from storage.sqlite_writer import Unit, Writer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

    from storage.database import Value

T = TypeVar("T")

UNIT_DEADLINE_S: Final = 1.5

BUSY_TIMEOUT_MS: Final = 1_000
"""How long the writer waits for the lock of another process (a migration, a restored backup)."""

READER_BUSY_TIMEOUT_MS: Final = 50
"""The same for the reader, which holds up the loop meanwhile. In WAL mode nearly nothing makes it wait."""

_PRAGMAS: Final = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # NORMAL would lose acknowledged commits with the power
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -32768",  # 32 MiB; the 2 MiB that SQLite takes by default are the change log's alone
    "PRAGMA wal_autocheckpoint = 8000",  # pages, 32 MiB: what changes often is copied into the database once
    "PRAGMA journal_size_limit = 67108864",  # after a burst the log shrinks to 64 MiB
)

_SIGN_OF_LIFE: Final = Query("storage.ping", "SELECT 1")


def connect(path: Path, busy_timeout_ms: int = BUSY_TIMEOUT_MS) -> sqlite3.Connection:
    """A connection with our settings; transactions are begun and ended by name only."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    try:
        connection.execute(f"PRAGMA busy_timeout = {busy_timeout_ms}")
        for pragma in _PRAGMAS:
            connection.execute(pragma)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@asynccontextmanager
async def open_sqlite(path: Path, unit_deadline_s: float = UNIT_DEADLINE_S) -> AsyncIterator[SQLiteDatabase]:
    """The database in this file, made if need be; everything accepted is written before this ends.

    Args:
        unit_deadline_s: how long a unit of work may take, waiting for its turn included.

    Raises:
        CannotOpen: the file cannot be made or read, or is no database.
    """
    try:
        _make_private(path)
        database = SQLiteDatabase(path, unit_deadline_s)
    except (OSError, sqlite3.Error) as exc:
        raise CannotOpen(f"SQLite: {path}: {exc}") from exc
    try:
        yield database
    finally:
        await database.close()


def _make_private(path: Path) -> None:
    """Nobody else may read it; SQLite gives its log and index the same rights."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


class SQLiteDatabase:
    """Implements Database; see `open_sqlite`."""

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, path: Path, unit_deadline_s: float) -> None:
        self.counters = Counters(num_connections=lambda: 2)
        self._unit_deadline_s = unit_deadline_s
        self._loop = asyncio.get_running_loop()
        writer = connect(path)
        self._reader = connect(path, READER_BUSY_TIMEOUT_MS)
        self._reader.execute("PRAGMA query_only = ON")
        self._writer = Writer(writer, self._loop, self.counters)
        self._is_closed = False

    @property
    def num_waiting(self) -> int:
        return self._writer.num_waiting

    async def ping(self) -> None:
        await self.fetch(_SIGN_OF_LIFE)

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        try:
            if self._is_closed:
                raise StorageUnavailable("the database is closed")
            with translated():
                return self._reader.execute(worded(query.sql), checked(values)).fetchall()
        except StorageUnavailable:
            self.counters.failures += 1
            raise

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        rows = await self.fetch(query, *values)
        return rows[0] if rows else None

    async def run(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        unit: Unit[T] = Unit(work, self._loop.create_future())
        deadline = asyncio.timeout(self._unit_deadline_s)
        started_s = self._loop.time()
        try:
            self._writer.add(unit)
            async with deadline:
                result = await unit.done
            self.counters.observe_unit_s(self._loop.time() - started_s)
            return result
        except StorageUnavailable:
            self.counters.failures += 1
            raise
        except TimeoutError as exc:
            if not deadline.expired():
                raise  # the caller's own
            self.counters.failures += 1
            raise StorageUnavailable("the writer did not get to it in time") from exc

    async def close(self) -> None:
        """Write what is waiting, then let go of the file."""
        self._is_closed = True
        await self._writer.stop()
        self._reader.close()
