"""What a Database promises, on SQLite and on PostgreSQL. Faults of a real server are in tests/integration/storage."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from storage.database import BadValue, Query, UniqueViolation
from tests.support import specimens
from tests.support.patience import eventually
from tests.support.specimens import add, create_specimens, ids, rows

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from storage.database import Database, Storage, Transaction, Value

HUGE = 2**63


@pytest.fixture
async def database(storage: Storage) -> Database:
    await create_specimens(storage.business)
    return storage.business


class Refused(Exception):
    """What a unit of work raises by itself."""


async def test_all_parts_of_a_storage_see_what_is_committed(storage: Storage, database: Database) -> None:
    await add(database, 1)
    for part in (storage.auth, storage.business, storage.relay):
        await part.ping()
        assert await part.fetch_one(specimens.READ, 1) == (1,)
        assert await part.fetch_one(specimens.READ, 2) is None


async def test_a_unit_sees_its_own_writes_and_others_do_not_before_it_is_done(database: Database) -> None:
    async def work(transaction: Transaction) -> list[Any]:
        before = await transaction.fetch_one(specimens.READ, 1)
        added = await transaction.execute(specimens.ADD, 1, 10)
        written = await transaction.execute(specimens.WRITE, 1, 11)
        missed = await transaction.execute(specimens.WRITE, 2, 11)
        return [before, added, written, missed, await transaction.fetch(specimens.READ, 1)]

    assert await database.run(work) == [None, 1, 1, 0, [(11,)]]
    assert await rows(database) == [(1, 11)]


async def test_returning_gives_rows(database: Database) -> None:
    await add(database, 5)

    async def work(transaction: Transaction) -> Any:
        return await transaction.fetch(specimens.REMOVE, 5), await transaction.fetch(specimens.REMOVE, 5)

    assert await database.run(work) == ([(5,)], [])


async def test_a_unit_that_raises_leaves_nothing_and_its_error_comes_out_as_it_is(database: Database) -> None:
    async def work(transaction: Transaction) -> None:
        await transaction.execute(specimens.ADD, 1, 1)
        raise Refused

    with pytest.raises(Refused):
        await database.run(work)
    assert await rows(database) == []
    await add(database, 1)


async def test_units_that_run_together_fail_alone(database: Database) -> None:
    async def work(transaction: Transaction, number: int) -> int:
        await transaction.execute(specimens.ADD, number, number)
        if number % 3 == 0:
            raise Refused
        if number % 5 == 0:
            await transaction.execute(specimens.ADD, number, number)
        return number

    outcomes = await asyncio.gather(
        *(database.run(lambda tx, n=number: work(tx, n)) for number in range(60)),  # type: ignore[misc]  # n=number
        return_exceptions=True,
    )
    kinds = [Refused if n % 3 == 0 else UniqueViolation if n % 5 == 0 else int for n in range(60)]
    assert [type(outcome) for outcome in outcomes] == kinds
    assert await ids(database) == {n for n in range(60) if n % 3 and n % 5}


@pytest.mark.parametrize("query", [specimens.ADD, specimens.ADD_LABELLED], ids=["primary key", "unique column"])
async def test_a_violation_undoes_the_unit_even_when_it_is_caught(database: Database, query: Query) -> None:
    values: tuple[Value, ...] = (1, 1) if query is specimens.ADD else (1, "same")

    async def swallow(transaction: Transaction) -> None:
        await transaction.execute(specimens.ADD, 7, 7)
        await transaction.execute(query, *values)
        try:
            await transaction.execute(query, *((1, 1) if query is specimens.ADD else (2, "same")))
        except UniqueViolation:
            with pytest.raises(UniqueViolation):
                await transaction.execute(specimens.ADD, 8, 8)

    with pytest.raises(UniqueViolation):
        await database.run(swallow)
    assert await rows(database) == []


async def test_a_broken_statement_is_no_outage_and_fails_its_unit_alone(database: Database) -> None:
    async def broken(transaction: Transaction) -> None:
        await transaction.execute(specimens.ADD, 100, 100)
        await transaction.execute(Query("broken", "INSERT INTO nowhere (id) VALUES ($1)"), 1)

    async def incomplete(transaction: Transaction) -> None:
        await transaction.execute(Query("incomplete", "INSERT INTO facts (name) VALUES ($1)"), "a")

    outcomes = await asyncio.gather(
        add(database, 1), database.run(broken), database.run(incomplete), add(database, 2), return_exceptions=True
    )
    assert [type(outcome).__module__.partition(".")[0] for outcome in outcomes][1:3] != ["storage", "storage"]
    assert list(outcomes[0::3]) == [1, 2]
    assert await ids(database) == {1, 2}
    assert database.counters.failures == 0


async def test_a_unit_may_not_be_used_after_its_end(database: Database) -> None:
    kept: list[Transaction] = []

    async def work(transaction: Transaction) -> None:
        kept.append(transaction)

    await database.run(work)
    with pytest.raises(RuntimeError, match="over"):
        await kept[0].fetch(specimens.ALL)


async def test_what_is_read_under_lock_does_not_change_before_it_is_written(database: Database) -> None:
    await add(database, 0)

    async def work(transaction: Transaction) -> int:
        row = await transaction.fetch_one(specimens.READ_LOCKED, 0)
        assert row is not None
        await transaction.execute(specimens.WRITE, 0, row[0] + 1)
        return int(row[0])

    assert sorted(await asyncio.gather(*(database.run(work) for _ in range(40)))) == list(range(40))
    assert await rows(database) == [(0, 40)]


async def test_execute_many_runs_in_order_and_as_one(database: Database) -> None:
    async def fill(transaction: Transaction) -> None:
        await transaction.execute_many(specimens.ADD, [(number, 0) for number in range(1_000)])
        await transaction.execute_many(specimens.WRITE, [(5, 1), (5, 2), (5, 3)])
        await transaction.execute_many(specimens.WRITE, [])

    async def collide(transaction: Transaction) -> None:
        await transaction.execute_many(specimens.ADD, [(2_000, 0), (5, 0)])

    await database.run(fill)
    with pytest.raises(UniqueViolation):
        await database.run(collide)
    assert await database.fetch_one(specimens.COUNT) == (1_000,)
    assert await database.fetch_one(specimens.READ, 5) == (3,)


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
WHOLE_ROWS = st.tuples(
    TEXTS | st.none(),
    st.integers(-HUGE, HUGE - 1) | st.none(),
    st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    st.binary() | st.none(),
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(values=st.lists(WHOLE_ROWS, min_size=1, max_size=20, unique_by=lambda row: row[0]))
async def test_every_value_comes_back_as_it_was(database: Database, values: list[tuple[Value, ...]]) -> None:
    async def work(transaction: Transaction) -> list[Any]:
        await transaction.execute(specimens.CLEAR)
        await transaction.execute_many(specimens.ADD_WHOLE, [(n, *row) for n, row in enumerate(values)])
        return [await transaction.fetch_one(specimens.READ_WHOLE, n) for n in range(len(values))]

    seen: list[Any]
    for seen in (
        await database.run(work),
        [await database.fetch_one(specimens.READ_WHOLE, n) for n in range(len(values))],
    ):
        assert seen == values
        assert [list(map(type, row)) for row in seen] == [list(map(type, row)) for row in values]


BAD_LABELS = ["a\0b", "\ud800"]


@pytest.mark.parametrize("bad", [*BAD_LABELS, HUGE, -HUGE - 1], ids=["NUL", "surrogate", "too big", "too small"])
async def test_what_one_database_cannot_keep_no_database_takes(database: Database, bad: Value) -> None:
    query = specimens.ADD_LABELLED if isinstance(bad, str) else specimens.ADD

    async def one(transaction: Transaction) -> None:
        await transaction.execute(query, 1, bad)

    async def many(transaction: Transaction) -> None:
        await transaction.execute_many(query, [(2, None), (3, bad)])

    async def read(_: object) -> None:
        await database.fetch(specimens.BY_LABEL if isinstance(bad, str) else specimens.READ, bad)

    async def read_in_a_unit(transaction: Transaction) -> None:
        await transaction.fetch(specimens.BY_LABEL if isinstance(bad, str) else specimens.READ, bad)

    for work in (one, many, read_in_a_unit):
        with pytest.raises(BadValue):
            await database.run(work)
    with pytest.raises(BadValue):
        await read(None)
    assert await rows(database) == []
    assert database.counters.failures == 0


Step = tuple[str, int, int]
STEPS = st.tuples(st.sampled_from(["add", "write", "remove"]), st.integers(0, 4), st.integers(0, 9))
UNITS = st.lists(st.tuples(st.lists(STEPS, max_size=6), st.booleans()), max_size=12)


def apply(model: dict[int, int], steps: list[Step]) -> dict[int, int] | None:
    """The table after these steps, or None where one adds what is there."""
    table = dict(model)
    for kind, key, number in steps:
        if kind == "add" and key in table:
            return None
        if kind == "add" or (kind == "write" and key in table):
            table[key] = number
        if kind == "remove":
            table.pop(key, None)
    return table


async def perform(transaction: Transaction, steps: list[Step], fails: bool) -> None:
    for kind, key, number in steps:
        if kind == "remove":
            await transaction.fetch(specimens.REMOVE, key)
        else:
            await transaction.execute(specimens.ADD if kind == "add" else specimens.WRITE, key, number)
    if fails:
        raise Refused


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(units=UNITS)
async def test_units_are_all_or_nothing(database: Database, units: list[tuple[list[Step], bool]]) -> None:
    """One after the other, each unit leaves what the model has, or raises and leaves what was there."""

    async def clear(transaction: Transaction) -> None:
        await transaction.execute(specimens.CLEAR)

    await database.run(clear)
    model: dict[int, int] = {}
    for steps, fails in units:
        after = apply(model, steps)
        expected = UniqueViolation if after is None else Refused if fails else None
        outcome = await outcome_of(database.run(lambda tx, s=steps, f=fails: perform(tx, s, f)))  # type: ignore[misc]
        assert outcome is expected
        model = after if after is not None and expected is None else model
        assert dict(await rows(database)) == model


async def outcome_of(call: Coroutine[Any, Any, object]) -> type[Exception] | None:
    try:
        await call
    except (Refused, UniqueViolation) as exc:
        return type(exc)
    return None


async def test_a_storm_of_cancellations_leaks_nothing(database: Database) -> None:
    """Whoever was not cancelled is answered, what was answered is there, and all are served as before."""
    chance = random.Random(7)
    answered: set[int] = set()

    async def call(number: int) -> None:
        answered.add(await add(database, number))

    calls = [asyncio.create_task(call(number)) for number in range(2_000)]
    victims = chance.sample(range(2_000), 1_000)
    while victims:
        for number in victims[-20:]:
            calls[number].cancel()
        del victims[-20:]
        for _ in range(chance.randrange(4)):
            await asyncio.sleep(0)
    outcomes = await asyncio.gather(*calls, return_exceptions=True)

    assert {type(outcome) for outcome in outcomes} <= {type(None), asyncio.CancelledError}
    assert len(answered) >= 1_000
    await eventually(lambda: database.num_waiting == 0)
    after = await asyncio.gather(*(add(database, number) for number in range(2_000, 2_050)))
    assert answered | set(after) <= await ids(database)
    assert database.counters.failures == 0


async def test_counts_what_it_does(database: Database) -> None:
    before = database.counters.commits
    await asyncio.gather(*(add(database, number) for number in range(20)))
    with pytest.raises(UniqueViolation):
        await add(database, 1)
    assert database.counters.commits - before == 20
    assert 0 < database.counters.groups <= database.counters.commits
    assert database.counters.failures == 0
