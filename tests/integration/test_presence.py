"""presence, presence_stats, join and leave: who is here, told to whom and in which order."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_server import OPEN, hub_config
from tests.support.patience import eventually
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer
    from tests.support.raw_client import RawClient

VISIBLE = replace(OPEN, presence=True, allow_presence_for_client=True, allow_presence_for_anonymous=True)
ANNOUNCED = replace(VISIBLE, join_leave=True, force_push_join_leave=True)


async def arrive(server: LocalServer, user: str, channel: str = "room", **subscribe: Any) -> tuple[RawClient, str]:
    """A subscribed client and its id."""
    client = await server.client()
    me = (await client.call("connect", **({"token": connection_token(user)} if user else {})))["client"]
    await client.call("subscribe", channel=channel, **subscribe)
    return client, me


async def test_presence_is_exactly_the_present_subscribers(serve: Serve) -> None:
    server = await serve(hub_config(VISIBLE))
    first, a = await arrive(server, "42")
    second, b = await arrive(server, "42")
    _, c = await arrive(server, "43")
    presence = (await first.call("presence", channel="room"))["presence"]
    assert presence == {
        a: {"user": "42", "client": a},
        b: {"user": "42", "client": b},
        c: {"user": "43", "client": c},
    }
    assert await first.call("presence_stats", channel="room") == {"num_clients": 3, "num_users": 2}
    await second.call("unsubscribe", channel="room")
    assert (await first.call("presence", channel="room"))["presence"].keys() == {a, c}


async def test_empty_channel_has_empty_presence(serve: Serve) -> None:
    server = await serve(hub_config(VISIBLE))
    client = await server.connected()
    assert await client.call("presence", channel="room") == {"presence": {}}
    assert await client.call("presence_stats", channel="room") == {"num_clients": 0, "num_users": 0}


@pytest.mark.parametrize("end", ["leave", "vanish"])
async def test_presence_ends_with_the_connection(serve: Serve, end: str) -> None:
    server = await serve(hub_config(VISIBLE))
    watcher = await server.connected()
    client, _ = await arrive(server, "42")
    if end == "leave":
        await client.leave()
    else:
        client.vanish()

    async def is_empty() -> bool:
        return bool(await watcher.call("presence_stats", channel="room") == {"num_clients": 0, "num_users": 0})

    await eventually(is_empty)


async def test_lease_is_renewed_for_as_long_as_the_client_stays(serve: Serve) -> None:
    server = await serve(hub_config(VISIBLE, presence_update_interval_s=0.2, presence_ttl_s=0.5, ping_interval_s=0.1))
    client, me = await arrive(server, "42")
    for _ in range(10):  # about a second: two leases
        await client.ping()
        assert (await client.call("presence", channel="room"))["presence"].keys() == {me}


@pytest.mark.parametrize("method", ["presence", "presence_stats"])
@pytest.mark.parametrize(
    ("options", "user", "is_subscribed", "code"),
    [
        (OPEN, "42", True, 108),
        (replace(OPEN, presence=True), "42", True, 103),
        (replace(OPEN, presence=True, allow_presence_for_client=True), "42", False, None),
        (replace(OPEN, presence=True, allow_presence_for_client=True), "", False, 103),
        (VISIBLE, "", False, None),
        (replace(OPEN, presence=True, allow_presence_for_subscriber=True), "42", True, None),
        (replace(OPEN, presence=True, allow_presence_for_subscriber=True), "42", False, 103),
    ],
    ids=["off", "not allowed", "client", "anonymous", "anonymous allowed", "subscriber", "not a subscriber"],
)
async def test_who_may_ask(
    serve: Serve, method: str, options: Any, user: str, is_subscribed: bool, code: int | None
) -> None:
    server = await serve(hub_config(options))
    client = await server.connected(user)
    if is_subscribed:
        await client.call("subscribe", channel="room")
    reply = await client.ask(method, channel="room")
    assert reply.get("error", {}).get("code") == code


# --- join and leave ---------------------------------------------------------------------------------------------------


async def test_joins_and_leaves_are_told_to_those_who_are_there(serve: Serve) -> None:
    server = await serve(hub_config(ANNOUNCED))
    watcher, _ = await arrive(server, "1")
    await watcher.push("join", "room")
    other, b = await arrive(server, "2")
    assert await watcher.push("join", "room") == {"info": {"user": "2", "client": b}}
    await other.call("unsubscribe", channel="room")
    assert await watcher.push("leave", "room") == {"info": {"user": "2", "client": b}}
    third, c = await arrive(server, "3")
    await watcher.push("join", "room")
    third.vanish()
    assert await watcher.push("leave", "room") == {"info": {"user": "3", "client": c}}


async def test_newcomer_receives_its_own_join_after_its_reply(serve: Serve) -> None:
    server = await serve(hub_config(ANNOUNCED))
    client, me = await arrive(server, "42")
    assert (await client.push("join", "room"))["info"]["client"] == me
    kinds = [next(iter(m.get("push", m).keys() - {"id", "channel"})) for m in client.messages]
    assert kinds == ["connect", "subscribe", "join"]


async def test_leaver_does_not_receive_its_own_leave(serve: Serve) -> None:
    server = await serve(hub_config(ANNOUNCED))
    client, _ = await arrive(server, "42")
    await client.push("join")
    await client.call("unsubscribe", channel="room")
    await client.settled()
    assert not client.unread("leave")


async def test_joins_leaves_and_publications_keep_their_order(serve: Serve) -> None:
    server = await serve(hub_config(ANNOUNCED))
    watcher, _ = await arrive(server, "1")
    await watcher.push("join")
    other = await server.connected("2")
    await other.send(
        {"id": 101, "publish": {"channel": "room", "data": 1}},
        {"id": 102, "subscribe": {"channel": "room"}},
        {"id": 103, "publish": {"channel": "room", "data": 2}},
        {"id": 104, "unsubscribe": {"channel": "room"}},
        {"id": 105, "publish": {"channel": "room", "data": 3}},
    )
    await watcher.data("room", 3)
    pushes = [message["push"] for message in watcher.messages if "push" in message]
    order = [next(iter(push.keys() - {"channel"})) for push in pushes]
    assert order == ["join", "pub", "join", "pub", "leave", "pub"]


@pytest.mark.parametrize(
    ("options", "wish", "hears"),
    [
        (ANNOUNCED, {}, True),
        (replace(ANNOUNCED, force_push_join_leave=False), {}, False),
        (replace(ANNOUNCED, force_push_join_leave=False), {"join_leave": True}, True),
        (replace(ANNOUNCED, force_push_join_leave=False, allow_presence_for_client=False), {"join_leave": True}, False),
        (replace(ANNOUNCED, join_leave=False), {"join_leave": True}, False),
    ],
    ids=["forced", "not asked for", "asked for", "asked for without presence permission", "not announced at all"],
)
async def test_who_hears_of_joins(serve: Serve, options: Any, wish: dict[str, Any], hears: bool) -> None:
    server = await serve(hub_config(options))
    watcher, _ = await arrive(server, "1", **wish)
    await arrive(server, "2")
    await server.api.publish("room", "after both")
    await watcher.data("room", 1)
    assert len(watcher.unread("join")) == (2 if hears else 0)


async def test_join_of_a_resubscription_comes_after_the_leave_before_it(serve: Serve) -> None:
    server = await serve(hub_config(ANNOUNCED))
    watcher, _ = await arrive(server, "1")
    client, me = await arrive(server, "2")
    for _ in range(10):
        await client.send(
            {"id": 101, "unsubscribe": {"channel": "room"}}, {"id": 102, "subscribe": {"channel": "room"}}
        )
        await client.reply(102)
    await server.api.publish("room", "end")
    await watcher.data("room", 1)
    told = [m["push"] for m in watcher.messages if {"join", "leave"} & m.get("push", {}).keys()]
    of_the_other = [next(iter(p.keys() - {"channel"})) for p in told if me in str(p)]
    assert of_the_other == ["join"] + ["leave", "join"] * 10
