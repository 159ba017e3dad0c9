"""A client that stops reading: it costs a bounded amount, is gone in bounded time, and harms nobody else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.local_server import HOST, hub_config
from tests.support.patience import eventually
from tests.support.wire import CLOSE, DeafSocket, deaf_socket

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer
    from tests.support.raw_client import RawClient

CONNECT = b'{"id":1,"connect":{}}'
SUBSCRIBE = b'{"id":2,"subscribe":{"channel":"news"}}'

PAYLOAD = "x" * 10_000


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def stalled(server: LocalServer, deaf: DeafSocket) -> None:
    """Connect and subscribe without ever reading an answer."""
    await deaf.send(CONNECT, SUBSCRIBE)
    await eventually(lambda: server.hub.index.channels and server.hub.index.channels["news"].num_clients)


async def flood(server: LocalServer, reader: RawClient, count: int) -> None:
    """Publish more than the stalled one's buffers hold, no faster than the other reads."""
    for n in range(count):
        await server.api.publish("news", f"{n}{PAYLOAD}")
        await reader.push("pub", "news")


async def test_one_that_holds_too_much_is_cut_and_its_socket_freed(serve: Serve) -> None:
    server = await serve(hub_config(queue_max_size_bytes=100_000, write_timeout_s=3600))
    reader, publisher = await server.subscribed("news"), await server.connected()
    files = open_files()
    async with deaf_socket(HOST, server.port) as deaf:
        await stalled(server, deaf)
        while not server.hub.counters.slow_closed:
            await publisher.call("publish", channel="news", data=PAYLOAD)
            await reader.push("pub", "news")
        assert server.hub.counters.disconnects[3008] == 1
        await eventually(lambda: open_files() == files + 1)  # ours alone is left
        await eventually(lambda: server.server.admission.num_open == 2)
    await reader.settled()


async def test_one_that_stands_still_is_cut_after_the_write_timeout(serve: Serve) -> None:
    server = await serve(hub_config(queue_max_size_bytes=1 << 30, write_timeout_s=0.2))
    reader = await server.subscribed("news")
    files = open_files()
    async with deaf_socket(HOST, server.port) as deaf:
        await stalled(server, deaf)
        while not server.hub.fan_out.congested and not server.hub.counters.slow_closed:
            await flood(server, reader, 1)
        await eventually(lambda: server.hub.counters.slow_closed)
        await eventually(lambda: open_files() == files + 1)
    await reader.settled()


async def test_memory_held_for_a_stalled_client_stays_within_its_bound(serve: Serve) -> None:
    bound = 300_000
    server = await serve(hub_config(queue_max_size_bytes=bound, write_timeout_s=3600))
    reader = await server.subscribed("news")
    async with deaf_socket(HOST, server.port) as deaf:
        await stalled(server, deaf)
        most = 0
        while not server.hub.counters.slow_closed:
            await flood(server, reader, 1)
            most = max([most, *(held.backlog_bytes + held.buffered_bytes() for held in server.hub.fan_out.congested)])
    assert most
    assert most <= bound + 2 * len(PAYLOAD)


async def test_one_that_reads_again_in_time_has_lost_nothing(serve: Serve) -> None:
    server = await serve(hub_config(write_timeout_s=3600))
    reader = await server.subscribed("news")
    async with deaf_socket(HOST, server.port) as deaf:
        await stalled(server, deaf)
        sent = 0
        while not (congested := server.hub.fan_out.congested) or not all(held.backlog for held in congested):
            await server.api.publish("news", f"{sent} {PAYLOAD}")
            await reader.push("pub")
            sent += 1
        received = await deaf.hear(last=b'"%d ' % (sent - 1))
    numbers = [int(piece.split(b" ")[0]) for piece in received.split(b'"data":"')[1:]]
    assert numbers == list(range(sent))
    assert not server.hub.counters.slow_closed


@pytest.mark.parametrize("stage", ["silent", "connected"])
async def test_stalled_client_that_is_told_to_go_does_not_linger(
    serve: Serve, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It never answers the Close frame: only the closing deadline frees it."""
    monkeypatch.setattr("hub.connection.CLOSING_DEADLINE_S", 0.2)
    server = await serve(hub_config(stale_close_delay_s=0.1))
    async with deaf_socket(HOST, server.port) as deaf:
        if stage == "connected":
            await deaf.send(CONNECT)
            await eventually(lambda: server.hub.registry.num_clients)
            await server.api.call("disconnect", user="")
        await eventually(lambda: not server.server.admission.num_open)
        received = await deaf.hear()
    assert bytes([0x80 | CLOSE]) in received


async def test_pings_go_on_for_the_others_while_one_is_stalled(serve: Serve) -> None:
    server = await serve(hub_config(ping_interval_s=0.2, pong_timeout_s=0.15))
    reader = await server.subscribed("news")
    async with deaf_socket(HOST, server.port) as deaf:
        await stalled(server, deaf)
        await flood(server, reader, 20)
        await eventually(lambda: server.hub.counters.disconnects[3012] == 1)  # it cannot answer pings either
        await reader.ping()
    assert json.loads(reader.frames[0])["connect"]["pong"] is True
