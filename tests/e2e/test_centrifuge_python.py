"""centrifuge-python 0.7 (JSON), unchanged, on a running server: connections and channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.python_sdk import ClientState, ReplyError, SubscriptionState, subscription_of
from tests.support.patience import eventually
from tests.support.tokens import OTHER_SECRET, connection_token, subscription_token

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from tests.e2e.python_sdk import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def refusal(call: Awaitable[object]) -> int:
    """The code of the error that a call must be answered with."""
    with pytest.raises(ReplyError) as caught:
        await call
    code: int = caught.value.code
    return code


# --- connections ----------------------------------------------------------------------------------------------------


async def test_connect(world: World) -> None:
    client, events = await world.connected()
    context = await events.next("connected")
    assert context.client
    assert context.version
    assert client.state is ClientState.CONNECTED


async def test_connect_with_a_forged_token(world: World) -> None:
    client, events = world.client(token=connection_token(world.user(), secret=OTHER_SECRET))
    await client.connect()
    assert (await events.next("disconnected")).code == 3500
    assert client.state is ClientState.DISCONNECTED


async def test_connect_without_a_token(world: World) -> None:
    client, events = world.client()
    await client.connect()
    assert (await events.next("disconnected")).code == 3501


async def test_connection_token_refresh(world: World) -> None:
    asked: list[str] = []

    async def get_token() -> str:
        asked.append(connection_token(world.user(), 2))
        return asked[-1]

    client, events = world.client(get_token=get_token)
    await client.connect()
    await eventually(lambda: len(asked) >= 4)
    await world.publish(f"personal:#{world.user()}", "still there")
    assert await events.publications(1) == ["still there"]
    assert len(events.of("connecting")) == 1


async def test_an_expired_connection_token_is_replaced(world: World) -> None:
    async def get_token() -> str:
        return connection_token(world.user())

    client, events = world.client(token=connection_token(world.user(), -10), get_token=get_token)
    await client.connect()
    await events.next("connected")


async def test_an_expired_connection_token_without_another_ends_the_client(world: World) -> None:
    client, events = world.client(token=connection_token(world.user(), 1))
    await client.connect()
    await events.next("connected")
    await events.next("disconnected")
    assert client.state is ClientState.DISCONNECTED


async def test_terminal_disconnect_stays_disconnected(world: World) -> None:
    client, events = await world.connected()
    goodbye = {"code": 3503, "reason": "force disconnect"}
    await world.api.call("disconnect", user=world.user(), disconnect=goodbye)
    context = await events.next("disconnected")
    assert (context.code, context.reason) == (3503, "force disconnect")
    assert client.state is ClientState.DISCONNECTED
    assert len(events.of("connecting")) == 1


async def test_disconnect_that_allows_it_reconnects(world: World) -> None:
    _, events = await world.connected()
    await events.next("connected")
    await world.api.call("disconnect", user=world.user(), disconnect={"code": 3001, "reason": "shutdown"})
    assert (await events.next("connecting")).code == 3001
    await events.next("connected")


async def test_connect_disconnect_loop_ends_in_its_last_state(world: World) -> None:
    client, events = await world.connected()
    for _ in range(30):
        await client.disconnect()
        await client.connect()
    await client.ready()
    assert client.state is ClientState.CONNECTED
    assert len(events.of("disconnected")) == 30

    async def only_one_is_left() -> bool:
        stats = await world.api.call("presence_stats", channel=f"personal:#{world.user()}")
        return stats == {"num_clients": 1, "num_users": 1}

    await eventually(only_one_is_left)


# --- commands -------------------------------------------------------------------------------------------------------


async def test_rpc(world: World) -> None:
    client, _ = await world.connected()
    await client.rpc("ping", {})
    assert await refusal(client.rpc("no such method", {})) == 108


async def test_publish(world: World) -> None:
    (ada, _), (grace, _) = await world.connected(info={"name": "Ada"}), await world.connected("grace")
    _, events = await world.subscribed(grace, world.channel())
    data: list[Any] = [{"text": "ünï ☃ \u2028", "deep": [1, 2.5, None, True]}, "text", 7, None, False, []]
    for item in data:
        await ada.publish(world.channel(), item)
    assert await events.publications(len(data)) == data
    assert events.offsets == list(range(1, len(data) + 1))
    info = events.of("publication")[0].pub.info
    assert (info.user, info.conn_info) == (world.user(), {"name": "Ada"})


async def test_publish_from_the_backend(world: World) -> None:
    client, _ = await world.connected()
    _, events = await world.subscribed(client, world.channel())
    await world.api.publish(world.channel(), {"n": 1}, tags={"kind": "news"})
    pub = (await events.next("publication")).pub
    assert (pub.data, pub.tags, pub.info, pub.offset) == ({"n": 1}, {"kind": "news"}, None, 1)


@pytest.mark.parametrize(("namespace", "code"), [("silent", 103), ("nowhere", 102)])
async def test_publish_that_is_refused(world: World, namespace: str, code: int) -> None:
    client, _ = await world.connected()
    assert await refusal(client.publish(world.channel(namespace), 1)) == code
    assert client.state is ClientState.CONNECTED


async def test_presence(world: World) -> None:
    (ada, _), (grace, _) = await world.connected(info={"name": "Ada"}), await world.connected("grace")
    subscription, _ = await world.subscribed(ada, world.channel())
    await world.subscribed(grace, world.channel())
    clients = (await subscription.presence()).clients
    assert {info.user: info.conn_info for info in clients.values()} == {
        world.user(): {"name": "Ada"},
        world.user("grace"): None,
    }
    assert all(client == info.client for client, info in clients.items())
    await grace.disconnect()

    async def one_is_left() -> bool:
        return len((await subscription.presence()).clients) == 1

    await eventually(one_is_left)


async def test_presence_stats(world: World) -> None:
    (ada, _), (again, _) = await world.connected(), await world.connected()
    subscription, _ = await world.subscribed(ada, world.channel())
    await world.subscribed(again, world.channel())
    stats = await subscription.presence_stats()
    assert (stats.num_clients, stats.num_users) == (2, 1)
    await subscription.unsubscribe()
    await again.disconnect()

    async def nobody_is_left() -> bool:
        return not (await ada.presence_stats(world.channel())).num_clients

    await eventually(nobody_is_left)


async def test_presence_and_history_where_there_are_none(world: World) -> None:
    client, _ = await world.connected()
    plain = world.channel("plain")
    assert await refusal(client.presence(plain)) == 108
    assert await refusal(client.presence_stats(plain)) == 108
    assert await refusal(client.history(plain, limit=1)) == 108


# --- subscriptions --------------------------------------------------------------------------------------------------


async def test_subscription_token(world: World) -> None:
    client, _ = await world.connected()
    channel = world.channel("private")
    subscription, _ = await world.subscribed(client, channel, token=world.subscription_token(channel, info={"seat": 7}))
    assert [info.chan_info for info in (await subscription.presence()).clients.values()] == [{"seat": 7}]


async def test_subscription_token_refresh(world: World) -> None:
    client, _ = await world.connected()
    asked: list[str] = []

    async def get_token(channel: str) -> str:
        asked.append(channel)
        return world.subscription_token(channel, 2)

    channel = world.channel("private")
    _, events = await world.subscribed(client, channel, get_token=get_token)
    await eventually(lambda: len(asked) >= 4)
    await world.publish(channel, "still there")
    assert await events.publications(1) == ["still there"]
    assert len(events.of("subscribing")) == 1
    assert set(asked) == {channel}


async def test_forged_subscription_token(world: World) -> None:
    client, _ = await world.connected()
    channel = world.channel("private")
    token = subscription_token(world.user(), channel, secret=OTHER_SECRET)
    subscription, events = subscription_of(client, channel, token=token)
    await subscription.subscribe()
    assert (await events.next("unsubscribed")).code == 103


@pytest.mark.parametrize(("namespace", "code"), [("private", 103), ("nowhere", 102)])
async def test_subscribe_that_is_refused(world: World, namespace: str, code: int) -> None:
    client, _ = await world.connected()
    subscription, events = subscription_of(client, world.channel(namespace))
    await subscription.subscribe()
    assert (await events.next("unsubscribed")).code == code
    assert client.state is ClientState.CONNECTED


async def test_unsubscribed_by_the_backend(world: World) -> None:
    client, _ = await world.connected()
    _, events = await world.subscribed(client, world.channel())
    await world.api.call("unsubscribe", user=world.user(), channel=world.channel())
    assert (await events.next("unsubscribed")).code == 2000


async def test_join_and_leave(world: World) -> None:
    (ada, _), (grace, _) = await world.connected(), await world.connected("grace", info={"name": "Grace"})
    _, events = await world.subscribed(ada, world.channel())
    hers, _ = await world.subscribed(grace, world.channel())
    is_grace = lambda context: context.info.user == world.user("grace")  # noqa: E731  # a predicate, used four times
    assert (await events.next("join", is_grace)).info.conn_info == {"name": "Grace"}
    await hers.unsubscribe()
    await events.next("leave", is_grace)
    await hers.subscribe()
    await events.next("join", is_grace)
    await grace.disconnect()
    await events.next("leave", is_grace)


async def test_subscribe_unsubscribe_loop_ends_in_its_last_state(world: World) -> None:
    client, _ = await world.connected()
    subscription, events = subscription_of(client, world.channel())
    for _ in range(60):
        await subscription.subscribe()
        await subscription.unsubscribe()
    await subscription.subscribe()
    await subscription.ready()
    await world.publish(world.channel(), "last state")
    assert await events.publications(1) == ["last state"]
    assert subscription.state is SubscriptionState.SUBSCRIBED
    assert (await client.presence_stats(world.channel())).num_clients == 1


async def test_server_side_subscriptions(world: World) -> None:
    granted, later, personal = world.channel(), world.channel(name="later"), f"personal:#{world.user()}"
    _, events = await world.connected(channels=[granted])
    subscribed = {(await events.next("subscribed")).channel for _ in range(2)}
    assert subscribed == {granted, personal}
    await world.publish(granted, "to many")
    await world.publish(personal, "to you")
    assert await events.publications(2) == ["to many", "to you"]
    await world.api.call("subscribe", user=world.user(), channel=later)
    await events.next("subscribed", lambda context: context.channel == later)
    await world.publish(later, "welcome")
    assert (await events.publications(3))[2] == "welcome"
    await world.api.call("unsubscribe", user=world.user(), channel=later)
    assert (await events.next("unsubscribed")).channel == later


async def test_join_and_leave_of_server_side_subscriptions(world: World) -> None:
    _, events = await world.connected(channels=[world.channel()])
    grace, _ = await world.connected("grace", channels=[world.channel()])
    is_grace = lambda context: context.info.user == world.user("grace")  # noqa: E731  # a predicate, used twice
    await events.next("join", is_grace)
    await grace.disconnect()
    await events.next("leave", is_grace)
