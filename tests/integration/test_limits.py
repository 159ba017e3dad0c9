"""Limits on what one client, one user, or everybody together may use up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from websockets.exceptions import InvalidStatus

from tests.support.local_server import edge_config, hub_config
from tests.support.patience import eventually
from tests.support.raw_client import Close, RawClient, raw_client

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer


async def refused_upgrade(server: LocalServer) -> tuple[int, str]:
    """Status and Retry-After of an upgrade that must not succeed."""
    with pytest.raises(InvalidStatus) as refused:
        await raw_client(server.ws_url)
    response = refused.value.response
    return response.status_code, response.headers.get("Retry-After", "")


# --- commands ---------------------------------------------------------------------------------------------------------


async def burst(client: RawClient, count: int) -> list[int]:
    """Send many commands in one frame; the error codes of their replies, in order."""
    await client.send(*({"id": 1000 + n, "rpc": {"method": "x"}} for n in range(count)))
    return [(await client.reply(1000 + n))["error"]["code"] for n in range(count)]


async def test_commands_over_the_rate_are_temporary_error_111(serve: Serve) -> None:
    server = await serve(hub_config(command_rate_limit_per_s=0.001, command_rate_burst=5))
    client = await server.connected()  # connect is the first of the five
    assert await burst(client, 6) == [108] * 4 + [111] * 2
    error = await client.refusal("rpc", method="x")
    assert error == {"code": 111, "message": "too many requests", "temporary": True}


async def test_rate_is_each_connections_own(serve: Serve) -> None:
    server = await serve(hub_config(command_rate_limit_per_s=0.001, command_rate_burst=2))
    client, other = await server.connected(), await server.connected()
    assert await burst(client, 2) == [108, 111]
    assert await burst(other, 1) == [108]


async def test_rate_comes_back_with_time(serve: Serve) -> None:
    server = await serve(hub_config(command_rate_limit_per_s=200, command_rate_burst=50))
    client = await server.connected()

    async def is_let_through() -> bool:
        return bool((await client.refusal("rpc", method="x"))["code"] == 108)

    assert 111 in await burst(client, 60)
    await eventually(is_let_through)


async def test_client_that_goes_on_regardless_is_closed_with_3013(serve: Serve) -> None:
    server = await serve(hub_config(command_rate_limit_per_s=0.001, command_rate_burst=3))
    client = await server.connected()
    await client.send(*({"id": 1000 + n, "rpc": {"method": "x"}} for n in range(100)))
    assert await client.closing() == Close(3013, "too many requests")
    assert len([m for m in client.messages if m.get("error", {}).get("code") == 111]) == 3


async def test_no_limit_lets_everything_through(serve: Serve) -> None:
    server = await serve(hub_config(command_rate_limit_per_s=0))
    assert await burst(await server.connected(), 1000) == [108] * 1000


# --- channels ---------------------------------------------------------------------------------------------------------


async def test_channel_limit_is_error_106_until_a_place_is_free(serve: Serve) -> None:
    server = await serve(hub_config(channel_limit=2))
    client = await server.subscribed("a", "b")
    assert await client.refusal("subscribe", channel="c") == {"code": 106, "message": "limit exceeded"}
    await client.call("unsubscribe", channel="a")
    await client.call("subscribe", channel="c")


async def test_default_channel_limit_is_128(server: LocalServer) -> None:
    client = await server.subscribed(*(f"channel-{n}" for n in range(128)))
    assert (await client.refusal("subscribe", channel="one-more"))["code"] == 106


async def test_api_subscribe_beyond_the_limit_closes_with_3505(serve: Serve) -> None:
    server = await serve(hub_config(channel_limit=1))
    client = await server.subscribed("a", user="42")
    await server.api.call("subscribe", user="42", channel="b")
    assert await client.closing() == Close(3505, "channel limit")


# --- connections ------------------------------------------------------------------------------------------------------


async def test_connection_limit_is_503_until_a_place_is_free(serve: Serve) -> None:
    server = await serve(hub_config(), edge_config(connection_limit=2))
    first, _ = await server.connected(), await server.connected()
    assert await refused_upgrade(server) == (503, "1")
    await first.leave()
    await eventually(lambda: server.server.admission.num_open == 1)
    await server.connected()


async def test_connections_that_have_not_said_connect_count_too(serve: Serve) -> None:
    server = await serve(hub_config(), edge_config(connection_limit=1))
    await server.client()
    assert (await refused_upgrade(server))[0] == 503


async def test_connection_rate_limit_is_503_with_the_time_to_wait(serve: Serve) -> None:
    server = await serve(hub_config(), edge_config(connection_rate_limit_per_s=0.1))
    await server.connected()
    status, retry_after = await refused_upgrade(server)
    assert status == 503
    assert 1 <= int(retry_after) <= 10


async def test_user_connection_limit_is_3504(serve: Serve) -> None:
    server = await serve(hub_config(user_connection_limit=1))
    first = await server.connected("42")
    with pytest.raises(AssertionError, match="3504"):
        await server.connected("42")
    await server.connected("43")
    await first.leave()
    await eventually(lambda: not server.hub.registry.of_user("42"))
    await server.connected("42")


async def test_user_connection_limit_does_not_count_anonymous_connections(serve: Serve) -> None:
    server = await serve(hub_config(user_connection_limit=1))
    await asyncio.gather(*(server.connected() for _ in range(3)))


# --- messages ---------------------------------------------------------------------------------------------------------


def frame_of(size_bytes: int) -> str:
    """A frame of one publish command of exactly so many bytes."""
    start, end = '{"id":9,"publish":{"channel":"news","data":"', '"}}'
    return start + "x" * (size_bytes - len(start) - len(end)) + end


async def test_message_of_exactly_the_limit_is_taken(server: LocalServer) -> None:
    client = await server.subscribed("news")
    await client.send_raw(frame_of(65_536))
    assert await client.reply(9) == {"publish": {}}
    assert len((await client.push("pub"))["data"]) > 65_000


async def test_message_of_one_byte_more_is_closed_with_1009(server: LocalServer) -> None:
    client = await server.connected()
    await client.send_raw(frame_of(65_537))
    assert (await client.closing()).code == 1009


async def test_limit_on_messages_is_configurable(serve: Serve) -> None:
    server = await serve(hub_config(), edge_config(message_size_limit_bytes=1000))
    client = await server.connected()
    await client.send_raw(frame_of(1000))
    await client.reply(9)
    await client.send_raw(frame_of(1001))
    assert (await client.closing()).code == 1009
