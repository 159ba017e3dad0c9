from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub.config import ChannelOptions, PersonalChannelConfig, TokenConfig
from hub.connection import Handshake
from hub.protocol import codes
from hub.protocol.codes import ErrorCode
from tests.unit.hub.client import Client, Message, connect
from tests.unit.hub.node import OPEN, Node, hub_config

STREAM = replace(OPEN, history_size=10, history_ttl_s=60, force_recovery=True)
PERSONAL = PersonalChannelConfig(enabled=True)


def closed_node(**client: Any) -> Node:
    return Node(hub_config(allow_anonymous_connect_without_token=False, **client))


async def result_of(client: Client, **request: object) -> Message:
    reply = await client.call("connect", **request)
    assert "connect" in reply, reply
    result: Message = reply["connect"]
    return result


async def test_the_result_names_the_client_and_the_version() -> None:
    node = Node()
    client = node.client()
    result = await result_of(client)
    assert result == {"client": client.connection.client_id, "version": "0.1.0", "ping": 25, "pong": True}
    assert len(result["client"]) == 36


async def test_without_an_interval_no_ping_is_announced() -> None:
    assert {"ping", "pong"}.isdisjoint(await result_of(Node(hub_config(ping_interval_s=0)).client()))


async def test_an_interval_below_a_second_is_announced_as_one() -> None:
    assert (await result_of(Node(hub_config(ping_interval_s=0.2)).client()))["ping"] == 1


async def test_the_servers_time_is_told_where_it_is_asked_for() -> None:
    node = Node(hub_config(connect_include_server_time=True))
    assert (await result_of(node.client()))["time"] == 1_700_000_000_000


async def test_a_token_says_who_it_is_and_until_when() -> None:
    node = Node()
    client = node.client()
    result = await result_of(client, token=node.token("42", ttl_s=90, info={"name": "Ann"}))
    assert (result["expires"], result["ttl"]) == (True, 90)
    assert node.hub.registry.of_user("42") == [client.connection]
    assert bytes(client.connection.client_info().conn_info or b"") == b'{"name":"Ann"}'


async def test_trap_03_a_token_that_never_expires_announces_nothing() -> None:
    node = Node()
    result = await result_of(node.client(), token=node.token("42", ttl_s=0))
    assert {"expires", "ttl"}.isdisjoint(result)


async def test_a_ttl_is_at_most_a_year_and_at_least_a_second() -> None:
    node = Node()
    distant = node.token("42", ttl_s=10 * 365 * 24 * 3600)
    assert (await result_of(node.client(), token=distant))["ttl"] == 365 * 24 * 3600
    node.clock.advance(0.7)
    near = node.token("42", ttl_s=1)
    assert (await result_of(node.client(), token=near))["ttl"] == 1


async def test_a_user_that_a_proxy_has_authenticated_needs_no_token() -> None:
    node = closed_node()
    client = Client(node.hub, Handshake(user="7"))
    await result_of(client)
    assert client.connection.user == "7"


async def test_a_token_counts_more_than_what_the_proxy_says() -> None:
    node = closed_node()
    client = Client(node.hub, Handshake(user="7"))
    await result_of(client, token=node.token("42"))
    assert client.connection.user == "42"


# --- refused --------------------------------------------------------------------------------------------------------

ERRORS: list[tuple[str, dict[str, Any], ErrorCode]] = [
    ("expired", {"ttl_s": -1}, codes.TOKEN_EXPIRED),
    ("not yet valid", {"nbf": 1_700_000_100}, codes.TOKEN_EXPIRED),
    ("lifetime over", {"expire_at": 1_600_000_000}, codes.EXPIRED),
    ("unknown namespace", {"channels": ["nowhere:1"]}, codes.UNKNOWN_CHANNEL),
]


@pytest.mark.parametrize(("claims", "error"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
async def test_trap_11_what_a_token_can_be_refused_for_with_an_error(claims: dict[str, Any], error: ErrorCode) -> None:
    node = Node()
    client = node.client()
    reply = await client.call("connect", token=node.token("42", **claims))
    assert reply == {"error": {"code": error.code, "message": error.message}}
    assert client.goodbye is None
    assert node.hub.registry.num_clients == 0


async def test_trap_11_an_invalid_token_is_3500() -> None:
    client = Node().client()
    await client.send(connect(token="nonsense"))
    assert client.goodbye == codes.INVALID_TOKEN


async def test_trap_11_no_credentials_at_all_are_3501_and_no_error() -> None:
    client = closed_node().client()
    assert await client.send(connect()) == []
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT


async def test_anonymous_tokens_can_be_forbidden() -> None:
    node = Node(hub_config(disallow_anonymous_connection_tokens=True))
    client = node.client()
    await client.send(connect(token=node.token("")))
    assert client.goodbye == codes.PERMISSION_DENIED_DISCONNECT


async def test_an_anonymous_token_is_otherwise_good() -> None:
    node = closed_node()
    await result_of(node.client(), token=node.token(""))
    assert len(node.hub.registry.of_user("")) == 1


async def test_insecure_means_no_token_and_no_expiry_but_no_forgery_either() -> None:
    node = closed_node(insecure=True)
    await result_of(node.client())
    client = node.client()
    assert {"expires", "ttl"}.isdisjoint(await result_of(client, token=node.token("42", ttl_s=-100)))
    assert client.connection.user == "42"
    forged = node.client()
    await forged.send(connect(token=node.token("42")[:-3] + "AAA"))
    assert forged.goodbye == codes.INVALID_TOKEN


async def test_connections_of_a_user_are_limited() -> None:
    node = Node(hub_config(user_connection_limit=2))
    for _ in range(2):
        await node.connected("42")
    third = node.client()
    await third.send(connect(token=node.token("42")))
    assert third.goodbye == codes.CONNECTION_LIMIT
    await node.connected("43")
    for _ in range(3):
        await node.connected()


# --- server-side subscriptions --------------------------------------------------------------------------------------


async def test_the_channels_of_a_token_are_subscribed_to() -> None:
    node = Node(hub_config(STREAM))
    client = node.client()
    token = node.token("42", channels=["news"], subs={"chat": {"info": {"role": 1}, "data": {"topic": 2}}})
    subs = (await result_of(client, token=token))["subs"]
    assert set(subs) == {"news", "chat"}
    assert subs["chat"]["data"] == {"topic": 2}
    assert subs["news"].keys() == {"recoverable", "epoch", "positioned"}
    await client.read()
    await node.hub.publish("chat", b'"hello"')
    assert [publication["data"] for publication in await client.pushes("pub")] == ["hello"]


async def test_an_override_of_a_token_counts_for_its_subscription() -> None:
    node = Node(hub_config(replace(STREAM, force_recovery=False)))
    token = node.token("42", subs={"news": {"override": {"force_recovery": {"value": True}}}, "chat": {}})
    subs = (await result_of(node.client(), token=token))["subs"]
    assert subs["news"]["recoverable"]
    assert subs["chat"] == {}


async def test_a_personal_channel_is_every_users_own() -> None:
    node = Node(hub_config(subscribe_to_user_personal_channel=PERSONAL))
    assert (await result_of(node.client(), token=node.token("42")))["subs"] == {"#42": {}}
    assert "subs" not in await result_of(node.client())


async def test_a_personal_channel_may_have_a_namespace() -> None:
    personal = PersonalChannelConfig(enabled=True, personal_channel_namespace="me")
    config = hub_config(namespaces={"me": ChannelOptions()}, subscribe_to_user_personal_channel=personal)
    node = Node(config)
    assert (await result_of(node.client(), token=node.token("42")))["subs"] == {"me:#42": {}}


async def test_the_newest_connection_of_a_user_may_be_the_only_one() -> None:
    personal = PersonalChannelConfig(enabled=True, single_connection=True)
    node = Node(hub_config(subscribe_to_user_personal_channel=personal))
    first, other = await node.connected("42"), await node.connected("43")
    second = await node.connected("42")
    assert (first.goodbye, second.goodbye, other.goodbye) == (codes.CONNECTION_LIMIT, None, None)


async def test_positions_of_server_side_subscriptions_are_recovered_from() -> None:
    node = Node(hub_config(STREAM))
    client = node.client()
    token = node.token("42", channels=["news", "chat"])
    epoch = (await result_of(client, token=token))["subs"]["news"]["epoch"]
    await client.vanish()
    for number in range(3):
        await node.hub.publish("news", b"%d" % number)
    wanted = {
        "news": {"recover": True, "offset": 1, "epoch": epoch},
        "chat": {"recover": True, "offset": 5, "epoch": "elsewhere"},
    }
    subs = (await result_of(node.client(), token=token, subs=wanted))["subs"]
    assert [publication["offset"] for publication in subs["news"]["publications"]] == [2, 3]
    assert (subs["news"]["recovered"], subs["news"]["offset"]) == (True, 1)
    assert subs["chat"]["was_recovering"]
    assert "recovered" not in subs["chat"]


async def test_a_position_without_recover_is_not_recovered_from() -> None:
    node = Node(hub_config(STREAM))
    await node.hub.publish("news", b"1")
    subs = await result_of(
        node.client(), token=node.token("42", channels=["news"]), subs={"news": {"offset": 0, "epoch": ""}}
    )
    assert {"recovered", "was_recovering"}.isdisjoint(subs["subs"]["news"])


async def test_too_many_server_side_channels_are_3505() -> None:
    node = Node(hub_config(channel_limit=2))
    client = node.client()
    await client.send(connect(token=node.token("42", channels=["a", "b", "c"])))
    assert client.goodbye == codes.CHANNEL_LIMIT


async def test_joins_of_server_side_subscriptions_come_after_the_reply() -> None:
    node = Node(hub_config(replace(OPEN, join_leave=True, force_push_join_leave=True)))
    client = node.client()
    replies = await client.send(connect(token=node.token("42", channels=["news"])))
    assert [sorted(reply) for reply in replies] == [["connect", "id"], ["push"]]
    assert replies[1]["push"]["join"]["info"]["client"] == client.connection.client_id


async def test_connects_are_counted() -> None:
    node = Node()
    await node.connected()
    refused = node.client()
    await refused.send(connect(token="nonsense"))
    assert node.hub.counters.connections_opened == 1
    assert node.hub.counters.disconnects == {3500: 1}


async def test_a_separate_configuration_for_subscriptions_does_not_admit_connections() -> None:
    other = TokenConfig(hmac_secrets=(("other-secret", 0),))
    node = Node(hub_config(subscription_token=other))
    await node.connected("42")
    assert node.hub.subscription_tokens is not node.hub.tokens
