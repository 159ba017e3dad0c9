"""Pings and pongs: the protocol's own, and WebSocket's."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from tests.support.local_server import hub_config
from tests.support.patience import PATIENCE_S
from tests.support.raw_client import Close, raw_client

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

QUICK = hub_config(ping_interval_s=0.2, pong_timeout_s=0.15)
PATIENT = hub_config(ping_interval_s=0.2, pong_timeout_s=60)


async def test_pings_come_again_and_again_and_pongs_keep_the_connection(serve: Serve) -> None:
    server = await serve(PATIENT)
    client = await server.connected()
    for _ in range(5):
        await client.ping()
    await client.settled()


async def test_ping_is_an_empty_object_in_a_frame_of_its_own_when_nothing_else_is_due(serve: Serve) -> None:
    server = await serve(PATIENT)
    client = await server.connected()
    await client.ping()
    assert "{}" in client.frames


async def test_missing_pong_is_closed_with_3012(serve: Serve) -> None:
    server = await serve(QUICK)
    client = await server.connected(options={"answers_pings": False})
    assert await client.closing() == Close(3012, "no pong")
    await server.forgotten()


async def test_other_commands_do_not_replace_a_pong(serve: Serve) -> None:
    server = await serve(QUICK)
    client = await server.connected(options={"answers_pings": False})
    await client.ping()
    await client.settled()
    assert await client.closing() == Close(3012, "no pong")


async def test_pong_nobody_asked_for_is_closed_with_3501(server: LocalServer) -> None:
    client = await server.connected()
    await client.send({})
    assert await client.closing() == Close(3501, "bad request")


async def test_second_pong_for_one_ping_is_closed_with_3501(serve: Serve) -> None:
    server = await serve(hub_config(ping_interval_s=1, pong_timeout_s=60))
    client = await server.connected(options={"answers_pings": False})
    await client.ping()
    await client.send({}, {})
    assert await client.closing() == Close(3501, "bad request")


@pytest.mark.parametrize("pong", ['{"id":1}', '{"id":1,"unknown":{}}'])
async def test_what_has_an_id_is_no_pong(serve: Serve, pong: str) -> None:
    server = await serve(PATIENT)
    client = await server.connected(options={"answers_pings": False})
    await client.ping()
    await client.send_raw(pong)
    assert await client.closing() == Close(3501, "bad request")


async def test_pings_are_kept_up_on_a_busy_connection(serve: Serve) -> None:
    """centrifuge-python restarts its timer at pings alone: busy or not, they have to come."""
    server = await serve(PATIENT)
    client = await server.subscribed("news")
    sent = 0
    for _ in range(3):
        while {} not in client.messages:
            await server.api.publish("news", sent)
            sent += 1
        client.messages.clear()
    assert await client.data("news", sent) == list(range(sent))


async def test_without_pings_an_unconnected_clients_timer_is_all_there_is(serve: Serve) -> None:
    server = await serve(hub_config(ping_interval_s=0))
    client = await server.connected()
    await client.settled()
    assert {} not in client.messages
    (connection,) = server.hub.registry.by_client.values()
    assert connection.deadline_slot, "it still has its presence interval to keep"


async def test_websocket_ping_is_answered_with_its_payload(server: LocalServer) -> None:
    client = await server.client()
    async with asyncio.timeout(PATIENCE_S):
        await (await client.socket.ping(b"payload"))
        await client.call("connect")
        await (await client.socket.ping(b""))


async def test_client_that_pings_by_itself_stays_connected(server: LocalServer) -> None:
    """As centrifuge-python's transport does, every 20 s; without an answer it drops the connection."""
    client = await raw_client(server.ws_url, ping_interval=0.05, ping_timeout=PATIENCE_S)
    async with client:
        await client.call("connect")
        async with asyncio.timeout(PATIENCE_S):
            while not client.socket.latency:
                await client.settled()
        await client.settled()
