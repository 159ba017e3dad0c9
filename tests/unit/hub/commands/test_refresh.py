"""New tokens for old ones. What a token may name is tested in test_tokens_and_channels."""

from __future__ import annotations

from typing import Any

import pytest

from hub.protocol import codes
from hub.protocol.codes import Disconnect
from tests.unit.hub.client import Client, Message
from tests.unit.hub.node import Node, hub_config
from tests.unit.hub.virtual_time import pass_time


async def subscribed_with_token(node: Node) -> Client:
    client = await node.connected("42")
    token = node.subscription_token("42", "news", ttl_s=10)
    assert "subscribe" in await client.call("subscribe", channel="news", token=token)
    return client


# --- refresh --------------------------------------------------------------------------------------------------------


async def test_a_new_token_extends_the_connection() -> None:
    node = Node(hub_config(ping_interval_s=0))
    async with node.running():
        client = await node.connected("42", token=node.token("42", ttl_s=10))
        reply = await client.call("refresh", token=node.token("42", ttl_s=600, info={"name": "Ann"}))
        expected = {"client": client.connection.client_id, "version": "0.1.0", "expires": True, "ttl": 600}
        assert reply == {"refresh": expected}
        assert bytes(client.connection.client_info().conn_info or b"") == b'{"name":"Ann"}'
        await pass_time(60)
        assert client.goodbye is None


async def test_a_token_that_never_expires_ends_the_expiry() -> None:
    node = Node(hub_config(ping_interval_s=0))
    async with node.running():
        client = await node.connected("42", token=node.token("42", ttl_s=10))
        assert "ttl" not in (await client.call("refresh", token=node.token("42", ttl_s=0)))["refresh"]
        await pass_time(1_000)
        assert client.goodbye is None


@pytest.mark.parametrize(
    ("user", "claims", "disconnect"),
    [("42", {"ttl_s": -1}, codes.CONNECTION_EXPIRED), ("43", {}, codes.INVALID_TOKEN), ("", {}, codes.INVALID_TOKEN)],
)
async def test_trap_11_tokens_that_end_the_connection(
    user: str, claims: dict[str, Any], disconnect: Disconnect
) -> None:
    node = Node()
    client = await node.connected("42")
    await client.send({"id": 2, "refresh": {"token": node.token(user, **claims)}})
    assert client.goodbye == disconnect


@pytest.mark.parametrize(("token", "code"), [("", 3501), ("nonsense", 3500)])
async def test_trap_11_what_is_no_token_ends_the_connection(token: str, code: int) -> None:
    client = await Node().connected("42")
    await client.send({"id": 2, "refresh": {"token": token}})
    assert client.goodbye is not None
    assert client.goodbye.code == code


async def test_insecure_ignores_the_expiry() -> None:
    node = Node(hub_config(insecure=True))
    client = await node.connected("42")
    assert "ttl" not in (await client.call("refresh", token=node.token("42", ttl_s=-1)))["refresh"]


# --- sub_refresh ----------------------------------------------------------------------------------------------------


async def test_a_new_subscription_token_extends_the_subscription() -> None:
    node = Node()
    client = await subscribed_with_token(node)
    token = node.subscription_token("42", "news", ttl_s=600, info={"role": 1})
    assert await client.call("sub_refresh", channel="news", token=token) == {
        "sub_refresh": {"expires": True, "ttl": 600}
    }
    subscription = client.connection.subscriptions["news"]
    assert subscription.expire_at_s == node.clock.now_s() + 600
    assert bytes(subscription.client_info().chan_info or b"") == b'{"role":1}'


async def test_a_subscription_token_that_never_expires_ends_the_expiry() -> None:
    node = Node()
    client = await subscribed_with_token(node)
    token = node.subscription_token("42", "news", ttl_s=0)
    assert await client.call("sub_refresh", channel="news", token=token) == {"sub_refresh": {}}


async def error_of(client: Client, **request: object) -> int:
    reply: Message = await client.call("sub_refresh", **request)
    code: int = reply["error"]["code"]
    return code


async def test_trap_11_what_is_answered_with_an_error() -> None:
    node = Node()
    client = await subscribed_with_token(node)
    assert await error_of(client, channel="chat", token="") == 103, "not subscribed is looked at first"
    assert await error_of(client, channel="news", token="") == 107
    assert await error_of(client, channel="news", token=node.subscription_token("42", "news", ttl_s=-1)) == 110


@pytest.mark.parametrize(("user", "channel"), [("43", "news"), ("42", "chat")])
async def test_trap_11_a_token_of_somebody_or_something_else_is_3500(user: str, channel: str) -> None:
    node = Node()
    client = await subscribed_with_token(node)
    await client.send({"id": 9, "sub_refresh": {"channel": "news", "token": node.subscription_token(user, channel)}})
    assert client.goodbye == codes.INVALID_TOKEN


@pytest.mark.parametrize(("request_", "code"), [({}, 3501), ({"channel": "news", "token": "nonsense"}, 3500)])
async def test_trap_11_what_ends_the_connection(request_: dict[str, str], code: int) -> None:
    client = await subscribed_with_token(Node())
    await client.send({"id": 9, "sub_refresh": request_})
    assert client.goodbye is not None
    assert client.goodbye.code == code


async def test_insecure_ignores_the_expiry_of_a_subscription() -> None:
    node = Node(hub_config(insecure=True))
    client = await node.subscribed("news", user="42")
    token = node.subscription_token("42", "news", ttl_s=-1)
    assert await client.call("sub_refresh", channel="news", token=token) == {"sub_refresh": {}}
