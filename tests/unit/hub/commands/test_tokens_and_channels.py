"""What a token may change later, and the personal channels of users with unusual names."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.config import PersonalChannelConfig
from hub.control_operations import RefreshUser
from hub.protocol import codes
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import pass_time

SUBS: dict[str, object] = {"first": {}, "second": {}}


@pytest.mark.parametrize("subs", [{}, {"first": {}}, {**SUBS, "third": {}}, {"first": {}, "third": {}}])
async def test_a_refresh_that_names_other_channels_is_closed_with_3010(subs: dict[str, object]) -> None:
    node = Node()
    client = await node.connected("ann", token=node.token("ann", subs=SUBS))
    await client.send({"id": 9, "refresh": {"token": node.token("ann", subs=subs)}})
    assert client.goodbye == codes.INSUFFICIENT_STATE


async def test_a_refresh_that_names_the_same_channels_in_another_order_extends() -> None:
    node = Node()
    client = await node.connected("ann", token=node.token("ann", subs=SUBS))
    token = node.token("ann", 7200, subs=dict(reversed(SUBS.items())))
    assert (await client.call("refresh", token=token))["refresh"]["ttl"] == 7200


async def test_channels_that_a_backend_added_are_not_the_tokens() -> None:
    node = Node()
    client = await node.subscribed("third", user="ann")
    assert "refresh" in await client.call("refresh", token=node.token("ann"))


async def test_a_backends_refresh_without_a_time_ends_the_expiry() -> None:
    node = Node(hub_config(ping_interval_s=0, expired_close_delay_s=1))
    async with node.running():
        client = await node.connected("ann", token=node.token("ann", 60))
        await node.hub.control.perform(RefreshUser(user="ann"))
        assert await client.pushes("refresh") == [{}]
        await pass_time(3600)
        assert client.goodbye is None


async def test_a_backends_refresh_with_a_time_moves_the_expiry_there() -> None:
    node = Node(hub_config(ping_interval_s=0, expired_close_delay_s=1))
    async with node.running():
        client = await node.connected("ann", token=node.token("ann", 60))
        await node.hub.control.perform(RefreshUser(user="ann", expire_at_s=node.clock.now_s() + 120))
        assert await client.pushes("refresh") == [{"expires": True, "ttl": 120}]
        await pass_time(100)
        assert client.goodbye is None
        await pass_time(25)
        assert client.goodbye == codes.CONNECTION_EXPIRED


async def test_a_backends_refresh_to_a_time_that_has_passed_is_the_end() -> None:
    node = Node()
    client = await node.connected("ann")
    await node.hub.control.perform(RefreshUser(user="ann", expire_at_s=node.clock.now_s()))
    assert client.goodbye == codes.CONNECTION_EXPIRED


async def test_a_token_of_another_client_does_not_extend_a_subscription() -> None:
    node = Node()
    client = await node.connected("ann")
    await client.call("subscribe", channel="news", token=node.subscription_token("ann", "news"))
    token = node.subscription_token("ann", "news", client="somebody else's")
    await client.send({"id": 9, "sub_refresh": {"channel": "news", "token": token}})
    assert client.goodbye == codes.INVALID_TOKEN


async def test_a_token_of_this_client_extends_its_subscription() -> None:
    node = Node()
    client = await node.connected("ann")
    await client.call("subscribe", channel="news", token=node.subscription_token("ann", "news"))
    token = node.subscription_token("ann", "news", 7200, client=client.connection.client_id)
    reply = await client.call("sub_refresh", channel="news", token=token)
    assert reply == {"sub_refresh": {"expires": True, "ttl": 7200}}


async def test_a_valid_token_whose_grant_has_ended_extends_nothing() -> None:
    node = Node()
    client = await node.connected("ann")
    await client.call("subscribe", channel="news", token=node.subscription_token("ann", "news"))
    before_s = client.connection.subscriptions["news"].expire_at_s
    token = node.subscription_token("ann", "news", expire_at=int(node.clock.now_s()) - 1)
    reply = await client.call("sub_refresh", channel="news", token=token)
    assert reply["error"]["code"] == codes.EXPIRED.code
    assert client.connection.subscriptions["news"].expire_at_s == before_s


@pytest.mark.parametrize("user", ["zoë", "名前", "x" * 1_000, "é" * 300])
async def test_a_personal_channel_works_whatever_the_users_name(user: str) -> None:
    options = replace(OPEN, channel_regex="^[a-z]+$")
    node = Node(hub_config(options, subscribe_to_user_personal_channel=PersonalChannelConfig(enabled=True)))
    client = node.client()
    (reply,) = await client.send({"id": 1, "connect": {"token": node.token(user)}})
    assert list(reply["connect"]["subs"]) == [f"#{user}"]
    await node.hub.publish(f"#{user}", b"1")
    assert [publication["data"] for publication in await client.pushes("pub")] == [1]
