"""Rows of the outbox as a backend writes them, by SQL alone, inside a transaction of its own."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

import asyncpg

CHANNEL = "bench"

_COLUMNS = "id, channel, data, at_ms, order_key, part"
_SQLITE = f"INSERT INTO outbox ({_COLUMNS}) VALUES (?, ?, ?, 0, ?, ?)"
_POSTGRES = f"INSERT INTO outbox ({_COLUMNS}, seq) VALUES ($1, $2, $3, 0, $4, $5, nextval('outbox_seq'))"
"""What `syncline_publish` does; that takes JSON in another spelling than the bench looks for."""

_NOTIFY = "SELECT pg_notify('syncline_outbox', $1)"

Row = tuple[str, str, str, str, int]


def part_of(order_key: str) -> int:
    return hashlib.sha256(order_key.encode()).digest()[0] >> 4


def rows_of(messages: Sequence[bytes]) -> list[Row]:
    """Ids rise, which is the order of rows on SQLite."""
    run, at_ms, part = secrets.token_hex(4), int(time.time() * 1e3), part_of(CHANNEL)
    return [(f"{at_ms:013d}-{run}-{n:09d}", CHANNEL, data.decode(), CHANNEL, part) for n, data in enumerate(messages)]


class SqliteRows:
    """Written when they are released: an open transaction would keep the node from writing."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._rows: list[Row] = []

    def fill(self, messages: Sequence[bytes]) -> None:
        self._rows = rows_of(messages)

    def release(self) -> None:
        connection = sqlite3.connect(self._file, timeout=10)
        with connection:
            connection.executemany(_SQLITE, self._rows)
        connection.close()


class PostgresRows:
    """Written in a transaction that stays open: what that costs the database is no part of publishing them."""

    def __init__(self, url: str) -> None:
        self._runner = asyncio.Runner()
        self._connection = self._runner.run(asyncpg.connect(url))

    def fill(self, messages: Sequence[bytes]) -> None:
        self._runner.run(self._add(rows_of(messages)))

    def release(self) -> None:
        self._runner.run(self._connection.execute("COMMIT"))

    def close(self) -> None:
        self._runner.run(self._connection.close())
        self._runner.close()

    async def _add(self, rows: Sequence[Row]) -> None:
        await self._connection.execute("BEGIN")
        await self._connection.executemany(_POSTGRES, rows)
        await self._connection.execute(_NOTIFY, str(part_of(CHANNEL)))
