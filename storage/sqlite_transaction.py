"""Statements on one SQLite connection, and one unit of work made of them."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from storage.database import BadValue
from storage.sqlite_errors import translated

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from storage.database import Query, Row, Value

_PARAMETER: Final = re.compile(r"\$(\d+)")


@cache
def worded(sql: str) -> str:
    """A statement with numbered parameters, which SQLite takes by position: `$1` would be a name to it."""
    return _PARAMETER.sub(r"?\1", sql)


def checked(values: Sequence[Value]) -> Sequence[Value]:
    """The values as they are.

    Raises:
        BadValue: text with NUL, which SQLite would store and PostgreSQL has no way to.
    """
    for value in values:
        if isinstance(value, str) and "\0" in value:
            raise BadValue("text with NUL")
    return values


class SQLiteTransaction:
    """Implements Transaction on the writer's thread: nothing here ever waits.

    The first failure of a statement ends the unit, because on PostgreSQL it does.

    Attributes:
        failure: that failure.
    """

    dialect: Literal["sqlite"] = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._is_over = False
        self.failure: Exception | None = None

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        return self._fetch(query, values)

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        rows = self._fetch(query, values)
        return rows[0] if rows else None

    async def execute(self, query: Query, *values: Value) -> int:
        self._must_be_open()
        try:
            with translated():
                return max(0, self._connection.execute(worded(query.sql), checked(values)).rowcount)
        except Exception as exc:
            self.failure = exc
            raise

    async def execute_many(self, query: Query, rows: Sequence[Sequence[Value]]) -> None:
        self._must_be_open()
        try:
            with translated():
                self._connection.executemany(worded(query.sql), map(checked, rows))
        except Exception as exc:
            self.failure = exc
            raise

    def end(self) -> None:
        """Nothing may be asked of it any more."""
        self._is_over = True

    def _fetch(self, query: Query, values: Sequence[Value]) -> list[Row]:
        self._must_be_open()
        try:
            with translated():
                return self._connection.execute(worded(query.sql), checked(values)).fetchall()
        except Exception as exc:
            self.failure = exc
            raise

    def _must_be_open(self) -> None:
        if self._is_over:
            raise RuntimeError("the unit of work is over")
        if self.failure is not None:
            raise self.failure
