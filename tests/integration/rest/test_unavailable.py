"""The database is away: 503 with Retry-After, nothing half done, live connections stay (docs/sessions.md section 1)."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from api.health import MAX_STORAGE_AGE_S
from services.accounts.user import Role
from storage.config import StorageConfig
from tests.integration.rest.samples import SAMPLES
from tests.support.api_client import Answer
from tests.support.patience import PATIENCE_S, TIME_SCALE, eventually
from tests.support.postgres import PostgresServer, postgres_server
from tests.support.rest_node import RestNode, rest_node

PROMPT_S = 2 * TIME_SCALE
"""Within which a caller has its answer, whatever the database does."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process writes and does not come to an end: reads work, writes do not."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
        connection.close()


def assert_unavailable(answer: Answer) -> None:
    assert (answer.status, answer.json["code"]) == (503, "unavailable"), answer
    assert answer.headers["content-type"] == "application/problem+json"
    assert int(answer.headers["retry-after"]) >= 1
    assert answer.json.keys() == {"type", "title", "status", "code"}


async def is_ready(node: RestNode, status: int) -> bool:
    answer = await node.request("GET", "/readyz")
    assert answer.json["checks"]["storage"]["ok"] is (status == 200), answer
    return answer.status == status


async def test_writes_while_sqlite_is_locked(embedded: StorageConfig) -> None:
    impatient = replace(embedded, unit_deadline_s=0.2)
    async with rest_node(impatient) as node:
        ann = await node.person()
        await node.call("PUT", "/v1/state/cart", {"n": 1}, by=ann)
        async with await node.connected(ann) as client:
            with locked(embedded.sqlite_path):
                for method, path, body in (
                    ("PUT", "/v1/state/cart", {"n": 2}),
                    ("PATCH", "/v1/me", {"name": "Me"}),
                    ("POST", "/v1/accounts", SAMPLES["register"].body),
                    ("POST", "/v1/login", SAMPLES["login"].body),
                    ("POST", "/v1/token/refresh", {"refresh_token": ann.refresh_token}),
                    ("DELETE", f"/v1/sessions/{ann.sid}", None),
                ):
                    assert_unavailable(await node.call(method, path, body, by=ann))
                assert (await node.call("GET", "/v1/state/cart", by=ann)).json == {"n": 1}
                reply = await client.refusal("rpc", method="state.remove", data={"key": "cart", "mutation": "m"})
                assert (reply["code"], reply["message"], reply["temporary"]) == (503, "unavailable", True)
            await client.call("rpc", method="state.get", data={"key": "cart"})

        async def is_back() -> bool:
            return (await node.call("PUT", "/v1/state/cart", {"n": 3}, by=ann)).status == 200

        await eventually(is_back)


@pytest.fixture
def breakable(tmp_path: Path) -> Iterator[PostgresServer]:
    with postgres_server() as server:
        yield server


@pytest.mark.slow
async def test_everything_while_postgres_is_away(breakable: PostgresServer) -> None:
    """Killed: every operation that asks the database answers 503 within its deadline, and serves again afterwards."""
    url = breakable.create_database("rest")
    config = StorageConfig(url=url, start_deadline_s=20 * TIME_SCALE)
    async with rest_node(config, may_migrate=True) as node:
        admin = await node.person("root@example.com", Role.ADMIN)
        async with await node.connected(admin) as client:
            breakable.kill()
            for name, sample in SAMPLES.items():
                if name in {"getKeys", "backchannelLogout", "pushSecurityEvent", "loginExternal"}:
                    continue  # what is refused before the database is asked, and what needs none
                [operation] = [operation for operation in node.rest.operations if operation.id == name]
                async with asyncio.timeout(PROMPT_S):
                    answer = await node.call(
                        operation.method, sample.path_for(admin, admin), sample.body, by=admin, headers=sample.headers
                    )
                if name == "refreshToken" and answer.status == 401:
                    continue  # no token of ours: told without the database
                assert_unavailable(answer)
            assert (await node.call("GET", "/.well-known/jwks.json")).status == 200
            await client.settled()
            await eventually(lambda: is_ready(node, 503), MAX_STORAGE_AGE_S + PATIENCE_S)
            assert (await node.request("GET", "/healthz")).status == 200, "a restart would help nobody"
            breakable.start()

            async def is_back() -> bool:
                return (await node.call("PUT", "/v1/state/cart", {"n": 1}, by=admin)).status == 200

            await eventually(is_back)
            await client.call("rpc", method="state.get", data={"key": "cart"})
            await eventually(lambda: is_ready(node, 200))
