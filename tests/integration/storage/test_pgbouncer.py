"""Behind PgBouncer in transaction mode, where the next statement may meet another server connection."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from storage.database import UniqueViolation
from storage.opening import open_storage
from tests.support import specimens
from tests.support.databases import PATIENT
from tests.support.pgbouncer import SERVER_CONNECTIONS, pgbouncer_before
from tests.support.specimens import add, create_specimens, ids

if TYPE_CHECKING:
    from storage.database import Transaction
    from tests.support.postgres import PostgresServer

WITHOUT_CACHE = replace(PATIENT, statement_cache_size=0, business_connections=4 * SERVER_CONNECTIONS)


async def test_units_and_reads_work_without_prepared_statements(server: PostgresServer) -> None:
    async with (
        pgbouncer_before(server, "syncline") as url,
        open_storage(replace(WITHOUT_CACHE, url=url)) as storage,
    ):
        database = storage.business
        await create_specimens(database)
        await add(database, 0)

        async def increment(transaction: Transaction) -> None:
            row = await transaction.fetch_one(specimens.READ_LOCKED, 0)
            assert row is not None
            await transaction.execute(specimens.WRITE, 0, row[0] + 1)

        async def read(number: int) -> None:
            assert await database.fetch_one(specimens.READ, number) == (number,)

        await asyncio.gather(
            *(add(database, number) for number in range(1, 100)), *(database.run(increment) for _ in range(100))
        )
        await asyncio.gather(*(read(number) for number in range(1, 100)))
        with pytest.raises(UniqueViolation):
            await add(database, 1)
        assert await ids(database) == set(range(100))
        assert await database.fetch_one(specimens.READ, 0) == (100,)
        assert database.counters.failures == 0
