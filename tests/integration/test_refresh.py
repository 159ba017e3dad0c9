"""refresh and sub_refresh, and what happens to those whose time is over."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tests.support.local_server import OPEN, hub_config
from tests.support.patience import TIME_SCALE
from tests.support.raw_client import Close
from tests.support.tokens import OTHER_SECRET, connection_token, subscription_token

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer
    from tests.support.raw_client import RawClient

AT_ONCE = hub_config(expired_close_delay_s=0, expired_sub_close_delay_s=0, presence_update_interval_s=0.2)

SOON_S = 1.5 * TIME_SCALE
"""Long enough to connect and to say something, short enough to wait for."""


async def connected_with(server: LocalServer, token: str) -> RawClient:
    return await server.connected(token=token)


# --- the connection ---------------------------------------------------------------------------------------------------


async def test_refresh_extends_the_connection_beyond_its_first_token(serve: Serve) -> None:
    server = await serve(AT_ONCE)
    client = await connected_with(server, connection_token("42", ttl_s=SOON_S))
    doomed = await connected_with(server, connection_token("42", ttl_s=SOON_S))
    result = await client.call("refresh", token=connection_token("42", ttl_s=100))
    assert result["expires"] is True
    assert 95 <= result["ttl"] <= 100
    assert result["client"]
    assert result["version"]
    assert await doomed.closing() == Close(3005, "connection expired")
    await client.settled()


async def test_refresh_with_a_token_without_end(serve: Serve) -> None:
    server = await serve(AT_ONCE)
    client = await connected_with(server, connection_token("42", ttl_s=SOON_S))
    doomed = await connected_with(server, connection_token("42", ttl_s=SOON_S))
    assert not {"expires", "ttl"} & (await client.call("refresh", token=connection_token("42", ttl_s=None))).keys()
    await doomed.closing()
    await client.settled()


async def test_connection_outlives_its_token_by_the_close_delay(serve: Serve) -> None:
    server = await serve(hub_config(expired_close_delay_s=60))
    client = await connected_with(server, connection_token("42", ttl_s=SOON_S))
    witness_server = await serve(AT_ONCE)
    witness = await connected_with(witness_server, connection_token("42", ttl_s=SOON_S))
    assert await witness.closing() == Close(3005, "connection expired")
    await client.call("refresh", token=connection_token("42", ttl_s=100))


async def test_refresh_brings_new_info(serve: Serve) -> None:
    server = await serve(hub_config(replace(OPEN, presence=True, allow_presence_for_client=True)))
    client = await connected_with(server, connection_token("42", info={"v": 1}))
    await client.call("refresh", token=connection_token("42", info={"v": 2}))
    await client.call("subscribe", channel="room")
    (info,) = (await client.call("presence", channel="room"))["presence"].values()
    assert info["conn_info"] == {"v": 2}


@pytest.mark.parametrize(
    ("token", "close"),
    [
        pytest.param(connection_token("42", ttl_s=-1), Close(3005, "connection expired"), id="expired"),
        pytest.param(connection_token("42", secret=OTHER_SECRET), Close(3500, "invalid token"), id="wrong signature"),
        pytest.param("garbage", Close(3500, "invalid token"), id="not a token"),
        pytest.param(connection_token("43"), Close(3500, "invalid token"), id="another user"),
        pytest.param(subscription_token("42", "news"), Close(3500, "invalid token"), id="subscription token"),
        pytest.param(connection_token("42", channels=["new"]), Close(3010, "insufficient state"), id="other channels"),
        pytest.param("", Close(3501, "bad request"), id="empty"),
    ],
)
async def test_refresh_that_closes_the_connection(server: LocalServer, token: str, close: Close) -> None:
    client = await server.connected("42")
    await client.cast("refresh", token=token)
    assert await client.closing() == close


async def test_refresh_with_the_same_channels_is_fine(server: LocalServer) -> None:
    client = await connected_with(server, connection_token("42", channels=["a", "b"]))
    await client.call("refresh", token=connection_token("42", channels=["a", "b"]))


@pytest.mark.parametrize("channels", [["a"], ["a", "b", "c"], []])
async def test_refresh_with_other_channels_than_at_the_start_is_closed_with_3010(
    server: LocalServer, channels: list[str]
) -> None:
    client = await connected_with(server, connection_token("42", channels=["a", "b"]))
    await client.cast("refresh", token=connection_token("42", channels=channels))
    assert await client.closing() == Close(3010, "insufficient state")


# --- a subscription ---------------------------------------------------------------------------------------------------


async def test_sub_refresh_extends_the_subscription_beyond_its_first_token(serve: Serve) -> None:
    server = await serve(AT_ONCE)
    client, doomed = await server.connected("42"), await server.connected("42")
    for each in (client, doomed):
        await each.call("subscribe", channel="news", token=subscription_token("42", "news", ttl_s=SOON_S))
    result = await client.call("sub_refresh", channel="news", token=subscription_token("42", "news", ttl_s=100))
    assert result["expires"] is True
    assert 95 <= result["ttl"] <= 100
    assert await doomed.push("unsubscribe", "news") == {"code": 2501, "reason": "subscription expired"}
    await server.api.publish("news", "still here")
    assert await client.data("news", 1) == ["still here"]
    await doomed.settled()
    assert not doomed.unread("pub")


async def test_expired_subscription_may_be_taken_up_again(serve: Serve) -> None:
    server = await serve(AT_ONCE)
    client = await server.connected("42")
    await client.call("subscribe", channel="news", token=subscription_token("42", "news", ttl_s=SOON_S))
    await client.push("unsubscribe", "news")
    await client.call("subscribe", channel="news", token=subscription_token("42", "news", ttl_s=100))


async def test_expired_server_side_subscription_closes_the_connection(serve: Serve) -> None:
    server = await serve(AT_ONCE)
    client = await server.connected("42")
    # In the future when the call comes, and over soon after.
    expire_at = int(server.hub.clock.now_s() + 2 * TIME_SCALE)
    await server.api.call("subscribe", user="42", channel="news", expire_at=expire_at)
    await client.push("subscribe", "news")
    assert await client.closing() == Close(3006, "subscription expired")


async def test_sub_refresh_with_a_token_without_end(server: LocalServer) -> None:
    client = await server.connected("42")
    await client.call("subscribe", channel="news", token=subscription_token("42", "news", ttl_s=100))
    assert await client.call("sub_refresh", channel="news", token=subscription_token("42", "news", None)) == {}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param(subscription_token("42", "news", ttl_s=-1), 110, id="expired"),
        pytest.param(subscription_token("42", "news", expire_at=1), 110, id="expire_at has passed"),
        pytest.param("", 107, id="empty"),
    ],
)
async def test_sub_refresh_that_is_answered_with_an_error(server: LocalServer, token: str, code: int) -> None:
    client = await server.subscribed("news", user="42")
    assert (await client.refusal("sub_refresh", channel="news", token=token))["code"] == code


@pytest.mark.parametrize("token", ["", "garbage", subscription_token("42", "news")])
async def test_sub_refresh_without_the_subscription_is_error_103_whatever_the_token(
    server: LocalServer, token: str
) -> None:
    client = await server.connected("42")
    assert (await client.refusal("sub_refresh", channel="news", token=token))["code"] == 103


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("garbage", id="not a token"),
        pytest.param(subscription_token("42", "news", secret=OTHER_SECRET), id="wrong signature"),
        pytest.param(subscription_token("43", "news"), id="another user"),
        pytest.param(subscription_token("42", "sport"), id="another channel"),
        pytest.param(subscription_token("42", "news", client="somebody-else"), id="another client"),
        pytest.param(connection_token("42"), id="connection token"),
    ],
)
async def test_sub_refresh_with_a_wrong_token_is_closed_with_3500(server: LocalServer, token: str) -> None:
    client = await server.subscribed("news", user="42")
    await client.cast("sub_refresh", channel="news", token=token)
    assert await client.closing() == Close(3500, "invalid token")
