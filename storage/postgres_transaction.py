"""One unit of work on one PostgreSQL connection."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Literal

import asyncpg

from storage.postgres_errors import Verdict, domain_error, is_cut_short, verdict_on

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from storage.database import Query, Row, Value

    Connection = asyncpg.pool.PoolConnectionProxy[asyncpg.Record]


class Rerun(Exception):
    """The database asks for the unit of work to be done again from the start. Its own error is the cause."""


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What the driver raises, as an error of the port; Rerun where a second try is worth it."""
    try:
        yield
    except Exception as exc:
        verdict = verdict_on(exc)
        error = Rerun(str(exc)) if verdict is Verdict.RERUN else domain_error(exc, verdict)
        if error is None:
            raise
        raise error from exc


def cut(connection: Connection) -> None:
    """End it without a word to the server. One that asyncpg has taken back already is left alone."""
    with contextlib.suppress(asyncpg.InterfaceError):
        connection.terminate()


class PostgresTransaction:
    """Implements Transaction.

    The first failure of a statement ends the unit, as PostgreSQL has it: a unit that goes on regardless is refused at
    its commit with that failure.
    """

    dialect: Literal["postgres"] = "postgres"

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._failure: Exception | None = None
        self._is_over = False

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        with self._statement():
            return [tuple(row) for row in await self._connection.fetch(query.text("postgres"), *values)]

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        rows = await self.fetch(query, *values)
        return rows[0] if rows else None

    async def execute(self, query: Query, *values: Value) -> int:
        with self._statement():
            return _row_count(await self._connection.execute(query.text("postgres"), *values))

    async def execute_many(self, query: Query, rows: Sequence[Sequence[Value]]) -> None:
        with self._statement():
            await self._connection.executemany(query.text("postgres"), rows)

    async def begin(self) -> None:
        with translated():
            await self._connection.execute("BEGIN")

    async def commit(self) -> None:
        """Raises the failure that the unit has had, if it has had one."""
        if self._failure is not None:
            raise self._failure
        with translated():
            await self._connection.execute("COMMIT")

    async def roll_back(self, failure: Exception) -> None:
        """Undo everything. A connection that cannot is cut, which comes to the same."""
        if is_cut_short(failure):
            return  # whoever gave us the connection cuts it
        try:
            await self._connection.execute("ROLLBACK")
        except Exception:  # noqa: BLE001  # the failure that led here is the one to tell
            cut(self._connection)

    def end(self) -> None:
        """Nothing may be asked of it any more."""
        self._is_over = True

    @contextlib.contextmanager
    def _statement(self) -> Iterator[None]:
        if self._is_over:
            raise RuntimeError("the unit of work is over")
        if self._failure is not None:
            raise self._failure
        try:
            with translated():
                yield
        except Exception as exc:
            self._failure = exc
            raise


def _row_count(status: Any) -> int:
    """`UPDATE 3` is three rows, `CREATE TABLE` none."""
    last = status.rpartition(" ")[2]
    return int(last) if last.isdigit() else 0
