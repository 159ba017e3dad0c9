"""A table for tests of the databases themselves, with a column of every type there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from storage.database import Query

if TYPE_CHECKING:
    from storage.database import Database, Row, Transaction

CREATE: Final = Query(
    "specimens.create",
    "CREATE TABLE specimens "
    "(id bigint PRIMARY KEY, label text UNIQUE, number bigint, ratio double precision, blob bytea)",
)
ADD: Final = Query("specimens.add", "INSERT INTO specimens (id, number) VALUES ($1, $2)")
ADD_LABELLED: Final = Query("specimens.add_labelled", "INSERT INTO specimens (id, label) VALUES ($1, $2)")
ADD_WHOLE: Final = Query(
    "specimens.add_whole", "INSERT INTO specimens (id, label, number, ratio, blob) VALUES ($1, $2, $3, $4, $5)"
)
READ: Final = Query("specimens.read", "SELECT number FROM specimens WHERE id = $1")
READ_WHOLE: Final = Query("specimens.read_whole", "SELECT label, number, ratio, blob FROM specimens WHERE id = $1")
READ_LOCKED: Final = Query("specimens.read_locked", READ.sql, postgres=f"{READ.sql} FOR UPDATE")
BY_LABEL: Final = Query("specimens.by_label", "SELECT id FROM specimens WHERE label = $1")
WRITE: Final = Query("specimens.write", "UPDATE specimens SET number = $2 WHERE id = $1")
REMOVE: Final = Query("specimens.remove", "DELETE FROM specimens WHERE id = $1 RETURNING number")
CLEAR: Final = Query("specimens.clear", "DELETE FROM specimens")
ALL: Final = Query("specimens.all", "SELECT id, number FROM specimens ORDER BY id")
COUNT: Final = Query("specimens.count", "SELECT count(*) FROM specimens")


async def create_specimens(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(CREATE)

    await database.run(work)


async def add(database: Database, number: int) -> int:
    """One unit of work that adds one row, its number the same as its id."""

    async def work(transaction: Transaction) -> int:
        await transaction.execute(ADD, number, number)
        return number

    return await database.run(work)


async def ids(database: Database) -> set[int]:
    return {row[0] for row in await database.fetch(ALL)}


async def rows(database: Database) -> list[Row]:
    return await database.fetch(ALL)
