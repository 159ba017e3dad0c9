from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from msgspec import Raw

from hub.channels import Channels
from hub.config import ClientConfig, HubConfig
from hub.control_operations import UnsubscribeUser
from hub.errors import ReplyError
from hub.positions import GRACE_S
from hub.protocol import codes
from hub.protocol.messages import ClientInfo, Publication, StreamPosition
from tests.unit.hub.client import Client
from tests.unit.hub.gated_engine import GatedEngine
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import idle, pass_time, virtual_loop

WATCHED = replace(OPEN, join_leave=True, force_push_join_leave=True, presence=True)
STREAM = replace(OPEN, history_size=10, history_ttl_s=60, force_recovery=True)
POSITIONED = replace(OPEN, history_size=10, history_ttl_s=60, force_positioning=True)
LOOSE = replace(OPEN, history_size=10, history_ttl_s=60)
NAMESPACES = {"stream": STREAM, "positioned": POSITIONED, "loose": LOOSE, "watched": WATCHED}

CHECK_S = ClientConfig().channel_position_check_delay_s + GRACE_S


def gated_node() -> tuple[Node, GatedEngine]:
    engine = GatedEngine(virtual_loop().clock)
    return Node(hub_config(OPEN, NAMESPACES), engine), engine


async def data_of(client: Client) -> list[int]:
    return [publication["data"] for publication in await client.pushes("pub")]


# --- publications ---------------------------------------------------------------------------------------------------


async def test_a_publication_reaches_the_subscribers_of_its_channel_only() -> None:
    node = Node()
    first, second = await node.subscribed("news"), await node.subscribed("chat")
    await node.hub.publish("news", b"1")
    assert (await data_of(first), await data_of(second)) == ([1], [])


async def test_a_publication_of_a_channel_that_nobody_here_knows_is_passed_over() -> None:
    node = Node()
    node.hub.on_publication("nobody", Publication(data=Raw(b"1")), StreamPosition(1, "a"))
    assert node.hub.index.channels == {}


@pytest.mark.parametrize("channel", ["stream:1", "positioned:1"])
async def test_a_gap_is_told_and_the_publication_behind_it_is_not_delivered(channel: str) -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed(channel)
        engine.is_lagging = True
        for number in (1, 2, 3):
            await node.hub.publish(channel, b"%d" % number)
        engine.announce_one()
        engine.lose_one()
        engine.announce_one()
        messages = await client.read()
        assert [message["push"].get("pub", {}).get("data") for message in messages] == [1, None]
        assert messages[-1]["push"]["unsubscribe"] == {"code": 2500, "reason": "insufficient state"}
        assert node.hub.counters.insufficient_state == 1
        await idle()
        assert node.hub.index.channels == {}


async def test_a_subscriber_without_a_promise_gets_what_comes_behind_a_gap() -> None:
    node, engine = gated_node()
    client = await node.subscribed("loose:1")
    engine.is_lagging = True
    for number in (1, 2, 3):
        await node.hub.publish("loose:1", b"%d" % number)
    engine.announce_one()
    engine.lose_one()
    engine.announce_one()
    assert await data_of(client) == [1, 3]


async def test_a_gap_ends_the_connection_of_a_server_side_subscriber() -> None:
    node, engine = gated_node()
    client = await node.connected("42", token=node.token("42", channels=["stream:1"]))
    engine.is_lagging = True
    for number in (1, 2):
        await node.hub.publish("stream:1", b"%d" % number)
    engine.lose_one()
    engine.announce_one()
    assert client.goodbye == codes.INSUFFICIENT_STATE


@pytest.mark.parametrize("channel", ["stream:1", "loose:1"])
async def test_what_was_seen_before_is_not_delivered_twice(channel: str) -> None:
    node, _ = gated_node()
    client = await node.subscribed(channel)
    await node.hub.publish(channel, b"1")
    await node.hub.publish(channel, b"2")
    position = node.hub.index.channels[channel].position
    node.hub.on_publication(channel, Publication(data=Raw(b"2"), offset=2), position)
    assert [message["push"]["pub"]["data"] for message in await client.read()] == [1, 2]


async def test_a_late_announcement_of_an_interest_given_up_does_not_count_as_seen() -> None:
    """Whoever attaches next would wait for what lies between, which was announced to nobody."""
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("stream:1")
        engine.is_gated = True
        leaving = virtual_loop().create_task(client.call("unsubscribe", channel="stream:1"))
        await idle()  # the engine has been told, and has not heard yet
        joining = virtual_loop().create_task(node.subscribed("stream:1"))
        await idle()
        await node.hub.publish("stream:1", b"1")
        engine.pass_one()
        await idle()
        await node.hub.publish("stream:1", b"2")
        engine.is_gated = False
        while engine.waiting:
            engine.pass_one()
            await idle()
        await leaving
        newcomer = await joining
        await node.hub.publish("stream:1", b"3")
        assert await data_of(newcomer) == [3]
        await pass_time(3 * CHECK_S)
        assert await newcomer.pushes("unsubscribe") == []


async def test_who_attaches_waits_for_the_detach_before_it() -> None:
    """Both are on their way to the engine otherwise, and either may have the last word."""
    node, engine = gated_node()
    async with node.running():
        first, second = await node.subscribed("news"), await node.connected()
        engine.is_gated = True
        left = virtual_loop().create_task(first.call("unsubscribe", channel="news"))
        await idle()
        joined = virtual_loop().create_task(second.call("subscribe", channel="news"))
        await idle()
        assert len(engine.waiting) == 1
        while engine.waiting:
            engine.pass_one()
            await idle()
        await asyncio.gather(left, joined)
        await node.hub.publish("news", b"1")
        assert await data_of(second) == [1]


async def test_an_end_during_a_join_does_not_take_the_next_ones_interest_along() -> None:
    """The ended one's attach was still under way, and its departure gives up what it attached."""
    node, engine = gated_node()
    async with node.running():
        first, second = await node.connected("1"), await node.connected("2")
        engine.is_gated = True
        refused = virtual_loop().create_task(first.call("subscribe", channel="news"))
        await idle()
        ended = virtual_loop().create_task(node.hub.control.perform(UnsubscribeUser(user="1", channel="news")))
        await idle()
        joined = virtual_loop().create_task(second.call("subscribe", channel="news"))
        await idle()
        while engine.waiting:
            engine.pass_one()
            await idle()
        await asyncio.gather(refused, ended, joined)
        engine.is_gated = False
        await node.hub.publish("news", b"1")
        assert await data_of(second) == [1]
        assert list(node.hub.index.channels) == ["news"]


async def test_one_whose_history_is_ahead_of_the_node_gets_nothing_twice() -> None:
    node, engine = gated_node()
    first = await node.subscribed("stream:1")
    engine.is_lagging = True
    for number in (1, 2):
        await node.hub.publish("stream:1", b"%d" % number)
    second = await node.connected()
    reply = await second.call("subscribe", channel="stream:1")
    assert reply["subscribe"]["offset"] == 2
    await node.hub.publish("stream:1", b"3")
    while engine.on_the_way:
        engine.announce_one()
    assert (await data_of(first), await data_of(second)) == ([1, 2, 3], [3])


async def test_one_who_joins_another_stream_tells_the_others_that_theirs_is_over() -> None:
    node, engine = gated_node()
    async with node.running():
        old = await node.subscribed("stream:1")
        await engine.start_over()
        new = await node.subscribed("stream:1")
        assert await old.pushes("unsubscribe") == [{"code": 2500, "reason": "insufficient state"}]
        await node.hub.publish("stream:1", b"1")
        assert await data_of(new) == [1]


async def test_a_newcomer_that_the_node_is_ahead_of_has_to_come_back() -> None:
    """Its history was read too early, and what it lacks has been passed on before it was there."""
    node, _ = gated_node()
    client = await node.subscribed("stream:1")
    node.hub.index.channels["stream:1"].position = replace_offset(node, 7)
    await client.read()
    late = await node.connected()
    await late.send({"id": 9, "subscribe": {"channel": "stream:1"}})
    assert late.goodbye == codes.INSUFFICIENT_STATE


def replace_offset(node: Node, offset: int) -> StreamPosition:
    known = node.hub.index.channels["stream:1"].position
    assert known is not None
    return StreamPosition(offset, known.epoch)


# --- joins and leaves -----------------------------------------------------------------------------------------------


async def test_joins_leaves_and_publications_leave_in_the_order_in_which_they_happened() -> None:
    node = Node(hub_config(OPEN, NAMESPACES))
    watcher = await node.subscribed("watched:1")
    other = await node.connected("42")
    await node.hub.publish("watched:1", b"1")
    await other.connection.handle_frame(b'{"id":5,"subscribe":{"channel":"watched:1"}}')
    await node.hub.publish("watched:1", b"2")
    await other.connection.handle_frame(b'{"id":6,"unsubscribe":{"channel":"watched:1"}}')
    await node.hub.publish("watched:1", b"3")
    kinds = [next(iter(set(message["push"]) - {"channel"})) for message in await watcher.read()]
    assert kinds == ["pub", "join", "pub", "leave", "pub"]


async def test_a_join_on_another_node_comes_after_what_was_published_before_it() -> None:
    node = Node(hub_config(OPEN, NAMESPACES))
    watcher = await node.subscribed("watched:1")
    await node.hub.publish("watched:1", b"1")
    node.hub.on_join("watched:1", ClientInfo("43", "elsewhere"))
    await node.hub.publish("watched:1", b"2")
    node.hub.on_leave("watched:1", ClientInfo("43", "elsewhere"))
    kinds = [next(iter(set(message["push"]) - {"channel"})) for message in await watcher.read()]
    assert kinds == ["pub", "join", "pub", "leave"]


async def test_a_newcomer_sees_its_own_join_after_its_reply_and_not_its_own_leave() -> None:
    node = Node(hub_config(OPEN, NAMESPACES))
    client = await node.connected("42")
    replies = await client.send({"id": 5, "subscribe": {"channel": "watched:1"}})
    info = {"user": "42", "client": client.connection.client_id}
    assert replies == [
        {"id": 5, "subscribe": {}},
        {"push": {"channel": "watched:1", "join": {"info": info}}},
    ]
    assert await client.send({"id": 6, "unsubscribe": {"channel": "watched:1"}}) == [{"id": 6, "unsubscribe": {}}]


async def test_who_does_not_watch_is_not_told() -> None:
    asked = replace(WATCHED, force_push_join_leave=False, allow_presence_for_client=True)
    node = Node(hub_config(asked))
    blind, anonymous, watching = (
        await node.subscribed("news", user="1"),
        await node.connected(),
        await node.connected("2"),
    )
    await anonymous.call("subscribe", channel="news", join_leave=True)
    await watching.call("subscribe", channel="news", join_leave=True)
    for client in (blind, anonymous, watching):
        await client.read()
    await node.subscribed("news")
    seen = [len(await client.pushes("join")) for client in (blind, anonymous, watching)]
    assert seen == [0, 0, 1], "asking is not enough without the right to see presence"


# --- ends -----------------------------------------------------------------------------------------------------------


async def test_an_unsubscribe_of_the_server_comes_after_what_was_published_before_it() -> None:
    node = Node()
    async with node.running():
        client = await node.subscribed("news")
        await node.hub.publish("news", b"1")
        node.hub.end(client.connection.subscriptions["news"], codes.SERVER_UNSUBSCRIBE)
        await node.hub.publish("news", b"2")
        first, second = await client.read()
        assert first["push"]["pub"]["data"] == 1
        assert second["push"]["unsubscribe"] == {"code": 2000, "reason": "server unsubscribe"}
        assert node.hub.counters.unsubscribes == {2000: 1}
        assert node.hub.index.channels == {}


async def test_a_server_side_subscription_that_expires_takes_its_connection_along() -> None:
    node = Node()
    client = await node.connected("42", token=node.token("42", channels=["news"]))
    node.hub.expire(client.connection.subscriptions["news"])
    assert client.goodbye == codes.SUBSCRIPTION_EXPIRED


async def test_ending_what_has_ended_changes_nothing() -> None:
    node = Node()
    async with node.running():
        client = await node.subscribed("news")
        subscription = client.connection.subscriptions["news"]
        await node.hub.depart(subscription)
        await node.hub.depart(subscription)
        node.hub.depart_later(subscription)
        assert node.hub.departures.num_waiting == 0
        assert node.hub.index.num_subscriptions == 0


async def test_a_connection_that_ends_gives_everything_up() -> None:
    node = Node(hub_config(OPEN, NAMESPACES))
    client = await node.subscribed("watched:1", "stream:1", "loose:1", user="42")
    await client.vanish()
    hub = node.hub
    assert (hub.index.channels, hub.index.num_subscriptions, hub.registry.num_clients) == ({}, 0, 0)
    assert await node.engine.presence("watched:1") == {}


# --- history and the node -------------------------------------------------------------------------------------------


async def test_history_for_backends() -> None:
    node = Node(hub_config(OPEN, NAMESPACES))
    for number in range(3):
        await node.hub.publish("stream:1", b"%d" % number)
    history = await node.hub.history("stream:1", limit=2)
    assert [publication.offset for publication in history.publications] == [1, 2]
    backwards = await node.hub.history("stream:1", limit=-1, since=StreamPosition(3), reverse=True)
    assert [publication.offset for publication in backwards.publications] == [2, 1]


@pytest.mark.parametrize(
    ("channel", "since", "reverse", "code"),
    [
        ("news", None, False, 108),
        ("nowhere:1", None, False, 102),
        ("stream:1", StreamPosition(0), True, 107),
        ("stream:1", StreamPosition(1, "elsewhere"), False, 112),
    ],
)
async def test_history_that_cannot_be_given(
    channel: str, since: StreamPosition | None, reverse: bool, code: int
) -> None:
    with pytest.raises(ReplyError) as refusal:
        await Node(hub_config(OPEN, NAMESPACES)).hub.history(channel, limit=1, since=since, reverse=reverse)
    assert refusal.value.error.code == code


async def test_a_node_describes_itself() -> None:
    node = Node()
    await node.subscribed("news", "chat", user="42")
    await node.subscribed("news", user="42")
    node.clock.advance(7.9)
    info = node.hub.node_info()
    assert (info.uid, info.name, info.version) == (node.hub.uid, node.hub.uid, "0.1.0")
    assert (info.num_clients, info.num_users, info.num_subs, info.num_channels, info.uptime_s) == (2, 1, 3, 2, 7)


async def test_a_node_may_have_a_name() -> None:
    config = replace(hub_config(), node_name="first")
    assert Node(config).hub.node_info().name == "first"


async def test_channels_are_looked_up_in_the_configuration() -> None:
    assert isinstance(Node(HubConfig()).hub.channels, Channels)


async def test_jitter_stays_between_its_bounds() -> None:
    values = [Node().hub.jitter(0.5, 1.0) for _ in range(200)]
    assert all(0.5 <= value <= 1.0 for value in values)
    assert len(set(values)) > 100
