"""The WebSocket edge: whom a proxy's header names, how a client's goodbye is answered, how a drain ends."""

from __future__ import annotations

import asyncio
import logging
import struct
from dataclasses import replace

import pytest
from aiohttp import ClientConnectionResetError, web

from api.config import DrainConfig
from api.websocket import GuardedWebSocket
from tests.support.local_server import HOST, edge_config, hub_config, local_server
from tests.support.patience import PATIENCE_S, eventually
from tests.support.wire import CLOSE, TEXT, frame, upgrade_request, upgraded, wire

PATH = "/connection/websocket"
CONNECT = b'{"id":1,"connect":{}}'
HEADER = "X-User-Id"


def named(value: bytes) -> bytes:
    """An upgrade request with the header of the proxy."""
    return upgrade_request(PATH).removesuffix(b"\r\n") + HEADER.encode() + b": " + value + b"\r\n\r\n"


@pytest.mark.parametrize("value", [b"\xff", b"ann\xc3", b"\xed\xa0\x80"])
async def test_a_user_that_is_not_utf_8_is_400(value: bytes) -> None:
    async with local_server(hub_config(), edge_config(user_id_http_header=HEADER)) as server:
        async with wire(HOST, server.port) as socket:
            await socket.send(named(value))
            assert (await socket.response())[0] == 400
        assert not server.hub.registry.opened


@pytest.mark.parametrize(("value", "user"), [(b"ann", "ann"), ("zoë".encode(), "zoë")])
async def test_the_header_names_the_user(value: bytes, user: str) -> None:
    config = hub_config(allow_anonymous_connect_without_token=False)
    async with (
        local_server(config, edge_config(user_id_http_header=HEADER)) as server,
        wire(HOST, server.port) as socket,
    ):
        await socket.send(named(value))
        assert (await socket.response())[0] == 101
        await socket.send(frame(TEXT, CONNECT))
        assert b'"connect":' in (await socket.receive()).payload
        assert len(server.hub.registry.of_user(user)) == 1


async def test_an_empty_header_is_no_user() -> None:
    """Nobody is let in as the anonymous user because a proxy had no name to write."""
    config = hub_config(allow_anonymous_connect_without_token=False)
    async with (
        local_server(config, edge_config(user_id_http_header=HEADER)) as server,
        wire(HOST, server.port) as socket,
    ):
        await socket.send(named(b""))
        assert (await socket.response())[0] == 101
        await socket.send(frame(TEXT, CONNECT))
        assert (await socket.closing()).close_code == 3501


@pytest.mark.parametrize("says_connect", [True, False])
async def test_a_clients_close_with_3000_is_echoed(says_connect: bool) -> None:
    """Of the server 3000 means that the client went away, and nothing is written; of a client it is a code like any."""
    async with local_server() as server, upgraded(HOST, server.port) as socket:
        if says_connect:
            await socket.send(frame(TEXT, CONNECT))
            await socket.receive()
        await socket.send(frame(CLOSE, struct.pack("!H", 3000) + b"bye"))
        assert (await socket.closing()).close_code == 3000


async def test_a_drain_does_not_wait_for_clients_that_have_not_said_anything(caplog: pytest.LogCaptureFixture) -> None:
    drain = DrainConfig(delay_s=0, window_s=0, timeout_s=PATIENCE_S)
    async with (
        local_server(hub_config(), replace(edge_config(), drain=drain)) as server,
        upgraded(HOST, server.port) as silent,
        upgraded(HOST, server.port) as connected,
    ):
        await connected.send(frame(TEXT, CONNECT))
        await connected.receive()
        await eventually(lambda: len(server.hub.registry.opened) == 2)
        with caplog.at_level(logging.INFO):
            async with asyncio.TaskGroup() as group:
                group.create_task(server.server.drain())
                for socket in (silent, connected):
                    assert (await socket.closing()).close_code == 3001
    assert "drain_finished" in caplog.messages
    assert "drain_timed_out" not in caplog.messages


async def test_clients_that_leave_during_their_upgrade_are_counted_and_not_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pitfall A10: raised, each would be an error with a trace in aiohttp's log; a reconnect storm has thousands."""

    async def too_late(self: GuardedWebSocket, request: web.BaseRequest) -> None:
        raise ClientConnectionResetError("Cannot write to closing transport")

    monkeypatch.setattr(GuardedWebSocket, "prepare", too_late)
    async with local_server(hub_config(), edge_config()) as server:
        async with wire(HOST, server.port) as socket:
            await socket.send(upgrade_request(PATH))
            await eventually(lambda: server.hub.counters.upgrades_abandoned == 1)
        assert not server.server.admission.num_open
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
