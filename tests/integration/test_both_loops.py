"""The main path on each event loop that a node may run on: asyncio's own, and uvloop where it is installed."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.local_server import FULL, HOST, hub_config
from tests.support.raw_client import Close
from tests.support.tokens import connection_token
from tests.support.wire import TEXT, deaf_socket, frame, upgraded

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

pytestmark = pytest.mark.asyncio(loop_factories=["asyncio", "uvloop"])

QUIET = replace(FULL, presence=False, join_leave=False)


async def test_loop_is_the_one_asked_for(server: LocalServer, request: pytest.FixtureRequest) -> None:
    assert type(asyncio.get_running_loop()).__module__.split(".")[0] in request.node.name


async def test_clients_and_a_backend_talk(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    clients = [await server.subscribed("a", user=str(n)) for n in range(10)]
    for n in range(50):
        await clients[n % 10].call("publish", channel="a", data=n)
        await server.api.publish("a", n)
    for client in clients:
        data = await client.data("a", 100)
        assert sorted(data) == sorted([*range(50), *range(50)])
    assert (await clients[0].call("presence_stats", channel="a"))["num_clients"] == 10


async def test_cut_client_recovers(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    client = await server.subscribed("a")
    epoch = (await server.api.publish("a", 1))["epoch"]
    await client.data("a", 1)
    client.vanish()
    for n in range(2, 30):
        await server.api.publish("a", n)
    result = await (await server.connected()).call("subscribe", channel="a", recover=True, offset=1, epoch=epoch)
    assert [publication["data"] for publication in result["publications"]] == list(range(2, 30))


async def test_close_codes_reach_the_client(server: LocalServer) -> None:
    client = await server.connected("42")
    await server.api.call("disconnect", user="42")
    assert await client.closing() == Close(3503, "force disconnect")
    client = await server.client()
    await client.cast("connect", token="x")
    assert await client.closing() == Close(3500, "invalid token")
    client = await server.connected()
    await client.send_raw("x" * 65_537)
    assert (await client.closing()).code == 1009
    async with upgraded(HOST, server.port) as socket:
        await socket.send(frame(TEXT, b"{}", is_masked=False))
        assert (await socket.closing()).close_code == 1002


async def test_burst_is_whole_and_in_order(server: LocalServer) -> None:
    client = await server.subscribed("a")
    commands = [{"publish": {"channel": "a", "data": n}} for n in range(1000)]
    await server.api.call("batch", commands=commands)
    assert await client.data("a", 1000) == list(range(1000))


async def test_client_that_stops_reading_is_cut(serve: Serve) -> None:
    server = await serve(hub_config(queue_max_size_bytes=100_000, write_timeout_s=3600))
    reader = await server.subscribed("a")
    async with deaf_socket(HOST, server.port) as deaf:
        await deaf.send(b'{"id":1,"connect":{}}', b'{"id":2,"subscribe":{"channel":"a"}}')
        while not server.hub.counters.slow_closed:
            await server.api.publish("a", "x" * 10_000)
            await reader.push("pub")
    await reader.leave()
    await server.forgotten()


async def test_expired_connection_is_closed_on_time(serve: Serve) -> None:
    server = await serve(hub_config(expired_close_delay_s=0))
    client = await server.connected(token=connection_token("42", ttl_s=1))
    assert await client.closing() == Close(3005, "connection expired")
