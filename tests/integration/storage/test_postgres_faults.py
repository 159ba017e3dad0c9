"""A real PostgreSQL that dies, freezes, refuses and forgets: every call ends in time, and no promise is broken."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import asyncpg
import pytest

from storage.database import Query, StorageUnavailable, UniqueViolation
from storage.opening import open_storage
from tests.lab.fault_proxy import fault_proxy_to
from tests.support import specimens
from tests.support.patience import eventually
from tests.support.postgres import APP_USER, server_user
from tests.support.specimens import add, create_specimens, ids
from tests.support.writers import ANSWER_WITHIN_S, NORMAL_WITHIN_S, is_answered, writing

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from typing import Any

    from storage.config import StorageConfig
    from storage.database import Database, Storage, Transaction
    from tests.support.postgres import PostgresServer

MAX_OURS = 14
"""As many connections as a storage may have."""

OURS = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{APP_USER}' AND backend_type = 'client backend'"

TERMINATE_OURS = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{APP_USER}'"


async def test_f29_killed_and_started_again(server: PostgresServer, database: Database) -> None:
    async with writing(database) as writers:
        await writers.are_answered()
        server.kill()
        await writers.are_refused()
        server.start()
        await server.ready()
        await writers.are_answered()
    await writers.check()


async def test_f30_frozen_and_thawed(server: PostgresServer, database: Database) -> None:
    async with writing(database) as writers:
        await writers.are_answered()
        server.pause()
        await writers.are_refused()
        server.resume()
        await writers.are_answered()
    await writers.check()
    [(num_ours,)] = await server.execute(OURS)
    assert 0 < num_ours <= MAX_OURS


async def test_f29_restarted_again_and_again(server: PostgresServer, database: Database) -> None:
    async with writing(database) as writers:
        for _ in range(3):
            server.stop()
            server.start()
            await server.ready()
            await writers.are_answered()
    await writers.check()
    assert writers.refusals > 0


async def test_f32_read_only_after_a_failover(server: PostgresServer, database: Database) -> None:
    async with writing(database) as writers:
        await writers.are_answered()
        server.set("default_transaction_read_only", "on")
        await writers.are_refused()
        assert writers.promised <= await ids(database)  # what only reads is served
        server.set("default_transaction_read_only", "off")
        await writers.are_answered()
    await writers.check()


async def test_f32_connections_to_what_was_the_primary_are_not_kept(server: PostgresServer, database: Database) -> None:
    """Sessions keep the role's setting of when they began: these would be read-only for as long as they are used."""
    async with writing(database) as writers:
        await server.execute(f"ALTER ROLE {APP_USER} SET default_transaction_read_only = on")
        await server.execute(TERMINATE_OURS)
        await writers.are_refused()
        await server.execute(f"ALTER ROLE {APP_USER} RESET default_transaction_read_only")
        await writers.are_answered()
    await writers.check()


async def test_f31_all_backends_terminated_in_the_middle(server: PostgresServer, database: Database) -> None:
    async with writing(database) as writers:
        for _ in range(5):
            await writers.are_answered()
            await server.execute(TERMINATE_OURS)
        await writers.are_answered()
    await writers.check()
    assert writers.refusals > 0


async def test_f31_the_answer_to_a_commit_is_lost(server: PostgresServer, config: StorageConfig) -> None:
    """The caller is told that nobody knows. Whether it was done or not, done again it is there once."""
    async with fault_proxy_to(server.port) as proxy:
        url = config.url.replace(f":{server.port}/", f":{proxy.port}/")
        async with open_storage(replace(config, url=url)) as storage:
            await create_specimens(storage.business)
            for number in range(5):
                has_happened = proxy.cut_reply_once(b"COMMIT")
                with pytest.raises(StorageUnavailable):
                    await add(storage.business, number)
                assert has_happened.is_set()
                await eventually(lambda: is_answered(storage.business), NORMAL_WITHIN_S)
                with pytest.raises(UniqueViolation):
                    await add(storage.business, number)
            assert await ids(storage.business) == set(range(5))


async def test_f33_no_connection_left_for_a_new_one(server: PostgresServer, broken_storage: Storage) -> None:
    """Who has a connection goes on with it; the others are told to come back, and are served once there is room."""
    await add(broken_storage.business, 1)
    hoard = await all_connections_left(server)
    for part in (broken_storage.relay, broken_storage.relay, broken_storage.relay):
        async with asyncio.timeout(ANSWER_WITHIN_S):
            with pytest.raises(StorageUnavailable):
                await part.ping()
    assert await add(broken_storage.business, 2) == 2
    for connection in hoard:
        await connection.close()
    await eventually(lambda: is_answered(broken_storage.relay), NORMAL_WITHIN_S)


async def test_f33_a_table_that_somebody_holds_stops_its_own_part_only(
    server: PostgresServer, broken_storage: Storage
) -> None:
    holder = await asyncpg.connect(server.url("syncline"))
    async with holder.transaction():
        await holder.execute("LOCK TABLE specimens")
        async with asyncio.timeout(ANSWER_WITHIN_S):
            calls = [add(broken_storage.business, number) for number in range(40)]
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
        await broken_storage.auth.ping()
    await holder.close()
    await add(broken_storage.business, 100)
    assert await ids(broken_storage.business) == {100}


async def test_f34_two_units_that_wait_for_each_other_both_happen(database: Database) -> None:
    await add(database, 1)
    await add(database, 2)
    meeting = asyncio.Barrier(2)

    async def work(transaction: Transaction, first: int, second: int) -> None:
        await transaction.execute(specimens.WRITE, first, 10)
        if database.counters.reruns == 0:
            await meeting.wait()
        await transaction.execute(specimens.WRITE, second, 10)

    await asyncio.gather(database.run(lambda tx: work(tx, 1, 2)), database.run(lambda tx: work(tx, 2, 1)))
    assert database.counters.reruns == 1
    assert await specimens.rows(database) == [(1, 10), (2, 10)]


FAIL = Query("fail", "", postgres="DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")


@pytest.mark.parametrize("failures", [0, 1, 3, 4])
async def test_f34_a_unit_is_done_again_as_often_as_it_may(database: Database, failures: int) -> None:
    runs = 0

    async def work(transaction: Transaction) -> None:
        nonlocal runs
        runs += 1
        await transaction.execute(specimens.ADD, runs, runs)
        if runs <= failures:
            await transaction.execute(FAIL)

    if failures > 3:
        with pytest.raises(StorageUnavailable):
            await database.run(work)
        assert await ids(database) == set()
    else:
        await database.run(work)
        assert await ids(database) == {failures + 1}
    assert runs == min(failures, 3) + 1


async def test_f35_a_full_disk_refuses_writes_and_loses_nothing(
    server: PostgresServer, broken_storage: Storage, database: Database
) -> None:
    """What was there is read all the while; what fails leaves nothing, and is done once there is room again."""
    await database.run(create_growth)
    await add(database, 1)
    async with no_room_for(server, "growth"):
        units = [database.run(partial(grow, number)) for number in range(2, 12)]
        outcomes = await asyncio.gather(*units, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
        assert "No space left on device" in server.log
        assert await ids(database) == {1}
        await add(database, 100)  # where there is room, work goes on
        await broken_storage.auth.ping()
    for number in range(2, 12):
        await eventually(partial(is_done, database, partial(grow, number)))
    assert await ids(database) == {1, 100, *range(2, 12)}
    assert await server.execute("SELECT count(*) FROM growth", database="syncline") == [(10,)]


async def is_done(database: Database, work: Callable[[Transaction], Coroutine[Any, Any, None]]) -> bool:
    """As its caller would, again and again: a connection that was just ended may be found so only when it is used."""
    try:
        await database.run(work)
    except StorageUnavailable:
        return False
    return True


GROW = Query("grow", "INSERT INTO growth VALUES ($1)")


async def create_growth(transaction: Transaction) -> None:
    await transaction.execute(Query("growth", "CREATE TABLE growth (id bigint)"))


async def grow(number: int, transaction: Transaction) -> None:
    await transaction.execute(specimens.ADD, number, number)
    await transaction.execute(GROW, number)


async def test_f36_a_table_that_changes_under_prepared_statements(server: PostgresServer, database: Database) -> None:
    everything = Query("everything", "SELECT * FROM specimens")
    await add(database, 1)

    async def work(transaction: Transaction) -> int:
        await transaction.execute(specimens.WRITE, 1, 2)
        return len((await transaction.fetch(everything))[0])

    assert [await database.run(work), len((await database.fetch(everything))[0])] == [5, 5]
    await server.execute("ALTER TABLE specimens ADD COLUMN later bigint", database="syncline")
    assert await database.run(work) == 6
    await server.execute("ALTER TABLE specimens DROP COLUMN later", database="syncline")
    assert len((await database.fetch(everything))[0]) == 5
    assert database.counters.failures == 0


async def test_a_unit_that_takes_too_long_is_undone_and_the_connection_is_not_used_again(database: Database) -> None:
    nap = Query("nap", "", postgres="SELECT pg_sleep(60)")

    async def dawdle(transaction: Transaction) -> None:
        await transaction.execute(specimens.ADD, 1, 1)
        await transaction.fetch(nap)

    async with asyncio.timeout(ANSWER_WITHIN_S):
        outcomes = await asyncio.gather(*(database.run(dawdle) for _ in range(8)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {StorageUnavailable}
    await asyncio.gather(*(add(database, number) for number in range(2, 30)))
    assert await ids(database) == set(range(2, 30))


async def all_connections_left(server: PostgresServer) -> list[asyncpg.Connection[asyncpg.Record]]:
    hoard: list[asyncpg.Connection[asyncpg.Record]] = []
    while True:
        try:
            hoard.append(await asyncpg.connect(server.url("postgres")))
        except asyncpg.TooManyConnectionsError:
            return hoard


@asynccontextmanager
async def no_room_for(server: PostgresServer, table: str) -> AsyncIterator[None]:
    """An empty table's file is a device on which there is never any room: ENOSPC, without a disk to fill."""
    [(path,)] = await server.execute(f"SELECT pg_relation_filepath('{table}')", database="syncline")
    file = server.directory / "data" / path
    assert file.stat().st_size == 0
    file.unlink()
    file.symlink_to("/dev/full")
    await server.execute(TERMINATE_OURS)
    yield
    file.unlink()
    file.touch()
    shutil.chown(file, server_user(), server_user())
    await server.execute(TERMINATE_OURS)
