"""`serve` with accounts, as a process: what is acknowledged is there after a stop, a kill, and in the next process."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.api_client import Answer
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.postgres import PostgresServer
from tests.support.server import ROOT, NodeProcess, running_server, start_node, stop, with_secrets

CREDENTIALS = {"email": "ann@example.com", "password": "correct horse battery staple"}
DEVICE = {"id": "device-serve-0123456789abcdef"}
WITH_ACCOUNTS = with_secrets({"accounts": {"enabled": True, "secret_key": "s" * 32}})

pytestmark = pytest.mark.slow


async def call(node: NodeProcess, method: str, path: str, body: object = None, token: str = "") -> Answer:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    return await node.api.request(method, path, body, headers)


async def logged_in(node: NodeProcess) -> dict[str, Any]:
    await call(node, "POST", "/v1/accounts", CREDENTIALS)
    answer = await call(node, "POST", "/v1/login", {**CREDENTIALS, "device": DEVICE, "mode": "token"})
    assert answer.status == 200, answer
    tokens: dict[str, Any] = answer.json
    return tokens


@pytest.mark.parametrize("is_killed", [False, True], ids=["stopped", "killed"])
async def test_everything_survives_the_process(tmp_path: Path, is_killed: bool) -> None:
    port = free_port()
    node = await start_node({}, tmp_path, port=port, dev=True)
    try:
        await node.ready()
        tokens = await logged_in(node)
        assert (await call(node, "PUT", "/v1/state/cart", {"n": 1}, tokens["access_token"])).status == 200
        keys = (await call(node, "GET", "/.well-known/jwks.json")).body
        if is_killed:
            node.kill()
        else:
            node.terminate()
        assert await node.ended() == (-9 if is_killed else 0)
        node = await start_node({}, tmp_path, port=port, dev=True)
        await node.ready()
        assert (await call(node, "GET", "/.well-known/jwks.json")).body == keys
        answer = await call(node, "GET", "/v1/state/cart", token=tokens["access_token"])
        assert (answer.status, answer.json, answer.headers["etag"]) == (200, {"n": 1}, '"1"')
        answer = await call(node, "POST", "/v1/token/refresh", {"refresh_token": tokens["refresh_token"]})
        assert (answer.status, answer.json["session"]["id"]) == (200, tokens["session"]["id"])
    finally:
        await stop(node)


async def test_what_is_acknowledged_while_the_node_leaves_is_kept(tmp_path: Path) -> None:
    """Writers do not stop for a SIGTERM: each write is answered and there, or not answered."""
    port = free_port()
    node = await start_node({}, tmp_path, port=port, dev=True)
    try:
        await node.ready()
        token = (await logged_in(node))["access_token"]
        acknowledged: list[int] = []

        async def write(writer: int) -> None:
            for number in range(1_000):
                n = writer * 1_000 + number
                try:
                    answer = await call(node, "PUT", f"/v1/state/w{writer}", n, token)
                except (aiohttp.ClientError, TimeoutError):
                    return
                if answer.status == 200:
                    acknowledged.append(n)

        writers = [asyncio.create_task(write(writer)) for writer in range(4)]
        await eventually(lambda: len(acknowledged) > 20)
        node.terminate()
        assert await node.ended() == 0
        await asyncio.gather(*writers)
        node = await start_node({}, tmp_path, port=port, dev=True)
        await node.ready()
        for writer in range(4):
            mine = [n for n in acknowledged if n // 1_000 == writer]
            answer = await call(node, "GET", f"/v1/state/w{writer}", token=token)
            assert answer.json >= max(mine)
    finally:
        await stop(node)


async def test_without_accounts_there_is_no_v1_and_no_database(tmp_path: Path) -> None:
    async with running_server(data_dir=tmp_path) as node:
        for path in ("/v1/me", "/.well-known/jwks.json"):
            assert (await node.api.request("GET", path)).status == 404
        assert "storage" not in (await node.api.request("GET", "/readyz")).json["checks"]
    assert databases_in(tmp_path) == []


def databases_in(directory: Path) -> list[Path]:
    return list(directory.rglob("*.db"))


async def test_a_second_process_does_not_get_the_database(tmp_path: Path) -> None:
    config = {**WITH_ACCOUNTS, "shutdown": {"timeout": "300ms", "drain_window": "100ms"}}
    async with running_server(config, data_dir=tmp_path) as node:
        other = await start_node(config, tmp_path, port=free_port())
        assert await other.ended() == 1
        events = [json.loads(line) for line in node.log.splitlines() if line.startswith("{")]
        assert any(event["event"] == "cannot_start" and "in use" in event["detail"] for event in events)


async def test_a_database_that_is_not_there(tmp_path: Path) -> None:
    config = {
        **WITH_ACCOUNTS,
        "database": {"url": "postgresql://user:a-password@127.0.0.1:1/d", "start_timeout": "200ms"},
    }
    node = await start_node(config, tmp_path, port=free_port())
    assert await node.ended() == 1
    assert '"cannot_start"' in node.log
    assert "a-password" not in node.log
    assert "Traceback" not in node.log


async def test_info_tells_what_the_platform_counts(tmp_path: Path) -> None:
    async with running_server(WITH_ACCOUNTS, data_dir=tmp_path) as node:
        token = (await logged_in(node))["access_token"]
        await call(node, "PUT", "/v1/state/cart", 1, token)
        [described] = (await node.api.call("info"))["nodes"]
        items = described["metrics"]["items"]
        for name in ("outbox_published", "state_mutations", "password_hashes", "storage_commits"):
            assert any(key.endswith(name) and value > 0 for key, value in items.items()), name
        names = ("rest_callers_forgotten", "identity_events_received", "sessions_", "storage_waiting")
        assert all(any(name in key for key in items) for name in names), sorted(items)


async def syncline(*arguments: str) -> int:
    """Run a command to its end; the exit code."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(ROOT / "main.py"), *arguments, stdout=asyncio.subprocess.DEVNULL
    )
    return await process.wait()


async def test_postgres_is_migrated_by_whoever_says_so(postgres: PostgresServer, tmp_path: Path) -> None:
    """Other nodes run on it: a start must not change its schema unasked."""
    config = {**WITH_ACCOUNTS, "database": {"url": postgres.create_database("serve")}}
    node = await start_node(config, tmp_path, port=free_port())
    assert await node.ended() == 1
    assert "syncline migrate up" in node.log
    assert await syncline("migrate", "up", "--config", str(tmp_path / "config.json")) == 0
    async with running_server(config, data_dir=tmp_path) as node:
        token = (await logged_in(node))["access_token"]
        assert (await call(node, "PUT", "/v1/state/cart", {"n": 1}, token)).status == 200
        assert (await call(node, "GET", "/v1/state/cart", token=token)).json == {"n": 1}
        node.terminate()
        assert await node.ended() == 0
    assert databases_in(tmp_path) == []
    postgres.drop_database("serve")
