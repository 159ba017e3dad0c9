"""Subscriptions that the server begins: by token, as a user's personal channel, through the API."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from hub.config import ChannelOptions, PersonalChannelConfig
from tests.support.local_server import FULL, OPEN, hub_config
from tests.support.raw_client import Close
from tests.support.tokens import SECRET, connection_token

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

CLOSED = ChannelOptions()
QUIET = replace(FULL, presence=False, join_leave=False)


# --- by token ---------------------------------------------------------------------------------------------------------


async def test_channels_of_a_token_need_no_permission(serve: Serve) -> None:
    server = await serve(hub_config(CLOSED))
    client = await server.client()
    result = await client.call("connect", token=connection_token("42", channels=["a", "$b", "c#7"]))
    assert result["subs"] == {"a": {}, "$b": {}, "c#7": {}}
    for channel in ("a", "$b", "c#7"):
        await server.api.publish(channel, channel)
        assert await client.data(channel, 1) == [channel]


async def test_subs_of_a_token_bring_info_data_and_overrides(serve: Serve) -> None:
    server = await serve(hub_config(replace(QUIET, force_recovery=False, force_push_join_leave=False)))
    wanted = ("force_recovery", "join_leave", "force_push_join_leave")
    override = {option: {"value": True} for option in wanted}
    subs = {"a": {"info": {"role": "host"}, "data": {"hello": 1}, "override": override}}
    client = await server.client()
    result = await client.call("connect", token=connection_token("42", subs=subs))
    entry = result["subs"]["a"]
    assert entry["data"] == {"hello": 1}
    assert entry["recoverable"] is True
    assert entry["epoch"]
    assert (await client.push("join", "a"))["info"]["chan_info"] == {"role": "host"}


async def test_client_may_not_subscribe_again_and_may_unsubscribe(server: LocalServer) -> None:
    client = await server.connected(token=connection_token("42", channels=["a"]))
    assert (await client.refusal("subscribe", channel="a"))["code"] == 105
    await client.call("unsubscribe", channel="a")
    await client.call("subscribe", channel="a")


async def test_recovery_positions_travel_with_connect(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    token = connection_token("42", channels=["a", "b"])
    positions = {}
    for channel in ("a", "b"):
        epoch = await server.streamed(channel, 3)
        positions[channel] = {"recover": True, "epoch": epoch, "offset": 1}
    positions["b"]["epoch"] = "other"
    positions["unknown:to-this-token"] = {"recover": True}
    subs = (await (await server.client()).call("connect", token=token, subs=positions))["subs"]
    assert subs.keys() == {"a", "b"}
    assert [publication["offset"] for publication in subs["a"]["publications"]] == [2, 3]
    assert (subs["a"]["recovered"], subs["a"]["was_recovering"], subs["a"]["offset"]) == (True, True, 1)
    assert "recovered" not in subs["b"]
    assert (subs["b"]["was_recovering"], subs["b"]["offset"]) == (True, 3)


async def test_presence_and_join_of_a_server_side_subscription(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    watcher = await server.subscribed("a")
    await watcher.push("join")
    client = await server.connected(token=connection_token("42", channels=["a"]))
    assert (await watcher.push("join", "a"))["info"]["user"] == "42"
    assert (await client.push("join", "a"))["info"]["user"] == "42", "its own too, after the connect reply"
    client.vanish()
    assert (await watcher.push("leave", "a"))["info"]["user"] == "42"


async def test_more_channels_than_the_limit_is_closed_with_3505(serve: Serve) -> None:
    server = await serve(hub_config(channel_limit=2))
    client = await server.client()
    await client.cast("connect", token=connection_token("42", channels=["a", "b", "c"]))
    assert await client.closing() == Close(3505, "channel limit")
    await server.forgotten()


# --- personal channels ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("namespace", "channel"), [("", "#42"), ("personal", "personal:#42")])
async def test_personal_channel_of_every_user(serve: Serve, namespace: str, channel: str) -> None:
    personal = PersonalChannelConfig(enabled=True, personal_channel_namespace=namespace)
    server = await serve(hub_config(CLOSED, {"personal": CLOSED}, subscribe_to_user_personal_channel=personal))
    client = await server.client()
    result = await client.call("connect", token=connection_token("42"))
    assert result["subs"] == {channel: {}}
    await server.api.publish(channel, "to you")
    assert await client.data(channel, 1) == ["to you"]
    anonymous = await (await server.client()).call("connect", token=jwt.encode({"sub": ""}, SECRET))
    assert "subs" not in anonymous


async def test_publishing_into_ones_own_personal_channel(serve: Serve) -> None:
    """What centrifuge-python's own suite does."""
    server = await serve(
        hub_config(
            replace(FULL, allow_publish_for_client=False, allow_publish_for_subscriber=True),
            subscribe_to_user_personal_channel=PersonalChannelConfig(enabled=True),
        )
    )
    client = await server.connected("42")
    assert (await client.push("join", "#42"))["info"]["user"] == "42"
    await client.call("publish", channel="#42", data={"x": 1})
    assert (await client.push("pub", "#42"))["data"] == {"x": 1}


async def test_single_connection_ends_the_users_other_connections(serve: Serve) -> None:
    personal = PersonalChannelConfig(enabled=True, single_connection=True)
    server = await serve(hub_config(replace(OPEN, presence=True), subscribe_to_user_personal_channel=personal))
    first, other_user = await server.connected("42"), await server.connected("43")
    second = await server.connected("42")
    assert await first.closing() == Close(3504, "connection limit")
    await second.settled()
    await other_user.settled()


# --- through the API --------------------------------------------------------------------------------------------------


async def test_api_subscribe_reaches_all_connections_of_the_user(server: LocalServer) -> None:
    both = [await server.connected("42") for _ in range(2)]
    stranger = await server.connected("43")
    assert await server.api.call("subscribe", user="42", channel="a") == {}
    for client in both:
        assert await client.push("subscribe", "a") == {}
    await server.api.publish("a", 1)
    assert [await client.data("a", 1) for client in both] == [[1], [1]]
    await stranger.settled()
    assert not stranger.unread("subscribe")


async def test_api_subscribe_narrowed_to_one_client(server: LocalServer) -> None:
    one, other = await server.client(), await server.connected("42")
    me = (await one.call("connect", token=connection_token("42")))["client"]
    await server.api.call("subscribe", user="42", client=me, channel="a")
    await one.push("subscribe", "a")
    await other.settled()
    assert not other.unread("subscribe")


async def test_api_subscribe_tells_position_and_data_then_the_join(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.connected("42")
    epoch = (await server.api.publish("a", 1))["epoch"]
    await server.api.call("subscribe", user="42", channel="a", data={"d": 1}, info={"i": 1})
    push = await client.push("subscribe", "a")
    assert push == {"recoverable": True, "positioned": True, "epoch": epoch, "offset": 1, "data": {"d": 1}}
    assert (await client.push("join", "a"))["info"]["chan_info"] == {"i": 1}


async def test_api_subscribe_recovers_since_a_position(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    client = await server.connected("42")
    epoch = await server.streamed("a", 3)
    await server.api.call("subscribe", user="42", channel="a", recover_since={"offset": 1, "epoch": epoch})
    assert (await client.push("subscribe", "a"))["offset"] == 1
    assert await client.data("a", 2) == [2, 3]


async def test_api_subscribe_twice_is_silent(server: LocalServer) -> None:
    client = await server.connected("42")
    for _ in range(2):
        await server.api.call("subscribe", user="42", channel="a")
    await client.push("subscribe", "a")
    await client.settled()
    assert not client.unread("subscribe")


async def test_api_override_sets_options_of_this_subscription(serve: Serve) -> None:
    server = await serve(hub_config(replace(QUIET, force_recovery=False)))
    client = await server.connected("42")
    await server.api.call("subscribe", user="42", channel="a", override={"force_recovery": {"value": True}})
    assert (await client.push("subscribe", "a"))["recoverable"] is True


async def test_api_unsubscribe_pushes_2000_once_and_presence_is_gone(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.subscribed("a", "b", user="42")
    assert await server.api.call("unsubscribe", user="42", channel="a") == {}
    assert await client.push("unsubscribe", "a") == {"code": 2000, "reason": "server unsubscribe"}
    assert (await server.api.call("presence", channel="a")) == {"presence": {}}
    await server.api.publish("a", "unheard")
    await server.api.publish("b", "heard")
    await client.data("b", 1)
    assert not client.unread("pub", "a")


async def test_api_unsubscribe_without_a_channel_ends_all(server: LocalServer) -> None:
    client = await server.subscribed("a", "b", user="42")
    await server.api.call("unsubscribe", user="42", channel="")
    assert {(await client.push("unsubscribe", channel))["code"] for channel in ("a", "b")} == {2000}


@pytest.mark.parametrize(
    ("request_", "close"),
    [
        ({}, Close(3503, "force disconnect")),
        ({"disconnect": {"code": 4100, "reason": "come back"}}, Close(4100, "come back")),
        ({"disconnect": {"code": 4501, "reason": "banned: [really]"}}, Close(4501, "banned: [really]")),
        ({"disconnect": {"code": 4501}}, Close(4501, "force disconnect")),
    ],
    ids=["default", "reconnect", "terminal", "without reason"],
)
async def test_api_disconnect(server: LocalServer, request_: dict[str, Any], close: Close) -> None:
    client, stranger = await server.connected("42"), await server.connected("43")
    assert await server.api.call("disconnect", user="42", **request_) == {}
    assert await client.closing() == close
    await stranger.settled()


async def test_api_disconnect_spares_the_whitelist_and_other_clients(server: LocalServer) -> None:
    clients = [await server.client() for _ in range(3)]
    ids = [(await client.call("connect", token=connection_token("42")))["client"] for client in clients]
    await server.api.call("disconnect", user="42", client=ids[0])
    assert (await clients[0].closing()).code == 3503
    await server.api.call("disconnect", user="42", whitelist=[ids[1]])
    assert (await clients[2].closing()).code == 3503
    await clients[1].settled()


async def test_api_disconnect_of_anonymous_connections(server: LocalServer) -> None:
    client, user = await server.connected(), await server.connected("42")
    await server.api.call("disconnect", user="")
    assert (await client.closing()).code == 3503
    await user.settled()


async def test_api_refresh_pushes_the_new_ttl(server: LocalServer) -> None:
    client = await server.connected("42")
    expire_at = int(server.hub.clock.now_s()) + 100
    await server.api.call("refresh", user="42", expire_at=expire_at)
    push = await client.push("refresh")
    assert push["expires"] is True
    assert 95 <= push["ttl"] <= 100


async def test_api_refresh_without_a_time_ends_no_more(server: LocalServer) -> None:
    client = await server.connected(token=connection_token("42", ttl_s=100))
    await server.api.call("refresh", user="42")
    assert await client.push("refresh") == {}


async def test_api_refresh_to_a_time_that_has_passed_closes_with_3005(server: LocalServer) -> None:
    client = await server.connected("42")
    await server.api.call("refresh", user="42", expire_at=1)
    assert await client.closing() == Close(3005, "connection expired")


async def test_api_refresh_brings_new_info(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.connected("42")
    await server.api.call("refresh", user="42", info={"v": 2})
    await client.push("refresh")
    await client.call("subscribe", channel="a")
    assert (await client.push("join"))["info"]["conn_info"] == {"v": 2}


async def test_api_refresh_expired_closes_with_3005(server: LocalServer) -> None:
    client = await server.connected("42")
    await server.api.call("refresh", user="42", expired=True)
    assert await client.closing() == Close(3005, "connection expired")
