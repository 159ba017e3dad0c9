"""What accounts forget, on both databases: spent buckets and old failures, and nothing that anybody has done."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest

from hub.supervisor import Supervisor
from services.accounts.service import open_accounts
from sessions import audit as audit_module
from sessions.audit import FAILED, FORGOTTEN_AT_ONCE, Audit
from storage.database import Query, StorageUnavailable
from tests.contract.accounts_world import (
    CONFIG,
    EMAIL,
    HOME,
    NEW_PASSWORD,
    PASSWORD,
    StagedDatabase,
    World,
    open_world,
    refusal_of,
)
from tests.support.patience import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.database import Database, Storage

RETENTION_S: Final = 90 * 86_400
RESTLESS: Final = replace(CONFIG, throttle_sweep_interval_s=0.001)

INSERT: Final = Query(
    "test.entry",
    "INSERT INTO audit_log (id, at_ms, action, actor_id, subject_id, session_id, address, detail)"
    " VALUES ($1, $2, $3, 'anonymous', '', '', '', '{}')",
)


@pytest.fixture
async def world(storage: Storage) -> AsyncIterator[World]:
    async with open_world(storage) as opened:
        yield opened


@asynccontextmanager
async def sweeping(world: World, database: Database) -> AsyncIterator[dict[str, float]]:
    """A node that does nothing but sweep, again and again; its measures afterwards."""
    audit = Audit(database, world.clock)
    measures: dict[str, float] = {}
    async with open_accounts(RESTLESS, database, world.sessions, audit, world.clock) as accounts:
        async with Supervisor() as supervisor:
            for name, work in accounts.tasks():
                supervisor.start(name, work)
            yield measures
        measures.update(accounts.measures())


async def actions(world: World) -> list[str]:
    return sorted(row[2] for row in await world.rows("audit_log"))


async def test_failed_attempts_are_forgotten_and_nothing_else(world: World) -> None:
    user = await world.add()
    await world.login()
    await world.refused_login()
    await world.refused_login("nobody@example.com")
    await world.accounts.register(EMAIL, PASSWORD, "", address=HOME)
    principal = world.principal(user)
    await refusal_of(world.accounts.change_password(principal, "wrong horse", NEW_PASSWORD, address=HOME))
    await world.accounts.change_password(principal, PASSWORD, NEW_PASSWORD, address=HOME)
    kept = ["password.changed", "user.registered"]
    assert await actions(world) == sorted([*kept, "login.failed", *FAILED])
    world.clock.advance(RETENTION_S)
    await world.refused_login()
    async with sweeping(world, world.database):
        assert await actions(world) == sorted([*kept, "login.failed", "login.failed", *FAILED]), "not a moment early"
        world.clock.advance(0.001)
        await eventually(lambda: _is(world, [*kept, "login.failed"]))


async def _is(world: World, expected: list[str]) -> bool:
    return await actions(world) == sorted(expected)


async def test_forgetting_goes_on_until_all_is_forgotten(world: World) -> None:
    rows = [(f"entry-{number:05}", number, FAILED[number % 3]) for number in range(FORGOTTEN_AT_ONCE * 2 + 5)]
    await world.database.run(lambda tx: tx.execute_many(INSERT, rows))
    assert await world.audit.forget_failed(2_000) == 2_000
    assert await world.audit.forget_failed(2_000) == 0
    assert await world.audit.forget_failed(10**12) == 5


async def test_forgetting_reads_no_more_than_it_deletes(world: World) -> None:
    """The trail is long, and what is to be kept is most of it: the sweep may not read through it every minute."""
    rows = [(f"entry-{number:05}", number, "session.opened") for number in range(5_000)]
    await world.database.run(lambda tx: tx.execute_many(INSERT, rows))
    explain = "EXPLAIN QUERY PLAN " if world.database.dialect == "sqlite" else "EXPLAIN "
    sweep = Query("test.plan", explain + audit_module._FORGET_FAILED.sql)
    plan = await world.database.fetch(sweep, 1, FORGOTTEN_AT_ONCE)
    assert "audit_log_failed" in repr(plan), plan


async def test_the_sweep_outlives_a_database_without_answer(world: World) -> None:
    answers = iter([StorageUnavailable("away"), StorageUnavailable("away")])

    async def stage(_: int) -> None:
        if failure := next(answers, None):
            raise failure

    bucket = Query("test.fill", "INSERT INTO throttles (bucket, arrival_ms) VALUES ('old', 1)")
    entry = ("old", 1, "login.failed")
    await world.database.run(lambda tx: tx.execute(bucket))
    await world.database.run(lambda tx: tx.execute(INSERT, *entry))
    async with sweeping(world, StagedDatabase(world.database, stage)) as measures:
        await eventually(lambda: _is_empty(world))
    assert measures["account_sweeps_failed"] == 2


async def _is_empty(world: World) -> bool:
    return not [*await world.rows("throttles"), *await world.rows("audit_log")]
