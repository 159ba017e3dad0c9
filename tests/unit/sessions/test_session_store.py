from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from sessions import session_store as store
from storage.database import Query
from storage.migrations.versions import m0001_accounts_sessions_state as schema
from storage.sqlite import open_sqlite

if TYPE_CHECKING:
    from pathlib import Path

    from storage.database import Transaction


async def _make(tx: Transaction) -> None:
    for statement in schema.up("sqlite"):
        await tx.execute(Query("test.schema", statement))


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (store.LIVE_OF_USER, "login_sessions_by_user"),
        (store.HAS_DEVICE, "login_sessions_by_user"),
        (store.END_ALL_BUT, "login_sessions_by_user"),
        (store.SET_ROLES, "login_sessions_by_user"),
        (store.END_OF_IDENTITY, "login_sessions_by_idp"),
        (store.END_OF_IDP_SESSION, "login_sessions_by_idp_sid"),
        (store.ENDED_SINCE, "login_sessions_by_revocation"),
        (store.FORGET_ENDED, "login_sessions_by_revocation"),
        (store.END_EXPIRED, "login_sessions_by_expiry"),
        (store.TOKENS_OF, "refresh_tokens_by_session"),
        (store.FORGET_USED, "refresh_tokens_by_session"),
    ],
)
async def test_no_query_walks_through_all_sessions(tmp_path: Path, query: Query, index: str) -> None:
    async with open_sqlite(tmp_path / "plans.db") as database:
        await database.run(_make)
        num_parameters = max(map(int, re.findall(r"\$(\d)", query.sql)))
        plan = Query("test.plan", f"EXPLAIN QUERY PLAN {query.sql}")
        steps = await database.fetch(plan, *("x",) * num_parameters)
        assert any(f"USING INDEX {index} " in step[3] for step in steps), steps
