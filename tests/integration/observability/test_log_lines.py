"""What a running node logs: for whom, about connections, and what keeps it from starting."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from observability.log_memory import LogMemory
from tests.support.local_server import local_server
from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port
from tests.support.raw_client import raw_client
from tests.support.rest_node import rest_node
from tests.support.sentry_receiver import KEY
from tests.support.server import running_server, start_node, stop, with_secrets
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from services.operations.views import LogLine
    from storage.config import StorageConfig
    from tests.support.server import NodeProcess


@pytest.fixture
def memory() -> Iterator[LogMemory]:
    memory = LogMemory(100)
    with memory.attached():
        yield memory


def line_of(memory: LogMemory, event: str) -> LogLine:
    return next(line for line in memory.find(limit=100) if line.event == event)


async def fails(*_: object, **__: object) -> Any:
    raise RuntimeError("our fault")


async def test_a_request_is_logged_for_its_user_and_the_next_one_on_its_connection_is_not(
    memory: LogMemory, embedded: StorageConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rest_node(embedded) as node:
        ann = await node.person()
        monkeypatch.setattr(node.rest, "_authorise", fails)
        connector = aiohttp.TCPConnector(limit=1)
        async with aiohttp.ClientSession(node.http_url, connector=connector) as session:
            async with session.get("/v1/users", headers=ann.bearer) as answer:
                assert answer.status == 500
            known = line_of(memory, "request_failed")
            monkeypatch.setattr(node.rest.limits, "take_for_address", _broken)
            async with session.get("/v1/users") as answer:
                assert answer.status == 500
        unknown = line_of(memory, "request_failed")
    assert (known.session, known.fields["user"]) == (ann.sid, ann.id)
    assert (unknown.session, unknown.fields.get("user")) == ("", None)
    assert "RuntimeError: our fault" in known.fields["exception"]


def _broken(address: str) -> dict[str, str]:
    raise RuntimeError("our fault")


async def test_what_goes_wrong_on_a_connection_is_logged_for_its_client(
    memory: LogMemory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with local_server() as server:
        client = await server.connected("ann")
        monkeypatch.setattr(server.engine, "publish", fails)
        await client.refusal("publish", channel="a", data=1)
        [connection] = server.hub.registry.opened
        line = line_of(memory, "command_failed")
        assert (line.fields["user"], line.fields["client"]) == ("ann", connection.client_id)
        server.hub.counters.handler_failures = 0  # that was ours


def entries(node: NodeProcess, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in node.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


async def test_a_node_tells_of_connections_and_sums_up_what_is_too_much() -> None:
    config = {"log": {"max_connection_lines_per_second": 2}, "client": {"allow_anonymous_connect_without_token": True}}
    async with running_server(config) as node:
        for number in range(6):
            async with await raw_client(node.ws_url) as client:
                await client.call("connect", token=connection_token(f"user-{number}"))
                await client.leave()
        await eventually(lambda: len(entries(node, "connections_summed_up")) > 0)
        [first, *_] = entries(node, "connection_closed")
        assert (first["user"], first["code"], first["reason"]) == ("user-0", 3000, "connection closed")
        assert first["client"] == entries(node, "connection_opened")[0]["client"]

        def told(kind: str) -> int:
            summed_up = sum(int(each[kind]) for each in entries(node, "connections_summed_up"))
            return len(entries(node, f"connection_{kind}")) + summed_up

        await eventually(lambda: (told("opened"), told("closed")) == (6, 6))


async def test_a_dsn_that_is_none_stops_the_start(tmp_path: Path) -> None:
    config = with_secrets({"sentry": {"dsn": f"ftp://{KEY}@127.0.0.1/1"}})
    node = await start_node(config, tmp_path, port=free_port())
    try:
        assert await node.ended(3 * PATIENCE_S) == 1
    finally:
        await stop(node)
    [line] = entries(node, "cannot_start")
    assert line["detail"].startswith("sentry.dsn: ")
    assert KEY not in node.log


async def test_a_node_whose_sentry_is_away_serves_and_stops_as_ever() -> None:
    async with running_server({"sentry": {"dsn": f"http://{KEY}@127.0.0.1:{free_port()}/1"}}) as node:
        metrics = (await node.api.call("info"))["nodes"][0]["metrics"]["items"]
        assert metrics["error_reports_sent"] == 0
        assert metrics["loop_blocked"] == 0
        node.terminate()
        assert await node.ended() == 0
