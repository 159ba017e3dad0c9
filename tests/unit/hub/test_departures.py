"""What is left of a subscription that ends: nothing, at whatever step of its life the end comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.control_operations import DisconnectUser, SubscribeUser, UnsubscribeUser
from hub.protocol import codes
from tests.unit.hub.client import subscribe
from tests.unit.hub.staged_node import staged_node
from tests.unit.hub.virtual_time import idle

if TYPE_CHECKING:
    from tests.unit.hub.client import Client
    from tests.unit.hub.staged_node import StagedNode

JOIN_STEPS = ["subscribe", "history", "add_presence"]
DEPARTURE_STEPS = ["remove_presence", "publish_leave", "unsubscribe"]


async def present(node: StagedNode, channel: str) -> set[str]:
    return set(await node.engine.presence(channel))


async def comings_and_goings(watcher: Client, of: Client) -> list[str]:
    """What the watcher has been told of another client's joins and leaves."""
    client_id = of.connection.client_id
    pushes = [message["push"] for message in await watcher.read()]
    return [
        kind
        for push in pushes
        for kind in ("join", "leave")
        if kind in push
        if push[kind]["info"]["client"] == client_id
    ]


# --- backends -------------------------------------------------------------------------------------------------------


async def test_a_backends_subscribe_of_a_closing_connection_leaves_nothing() -> None:
    async with staged_node() as node:
        client = await node.connected("ann")
        client.connection.close(codes.FORCE_RECONNECT)
        await node.hub.control.perform(SubscribeUser(user="ann", channel="news"))
        assert client.connection.subscriptions == {}
        await client.vanish()
        await node.assert_nothing_is_left()


async def test_a_backends_subscribe_that_waited_for_a_departure_finds_the_connection_gone() -> None:
    async with staged_node() as node, asyncio.TaskGroup() as group:
        client = await node.subscribed("news", user="ann")
        gate = node.engine.hold("publish_leave", "news")
        node.hub.end(client.connection.subscriptions["news"], codes.UNSUBSCRIBED_EXPIRED)
        performing = group.create_task(node.hub.control.perform(SubscribeUser(user="ann", channel="news")))
        await idle()
        assert not performing.done()
        await client.vanish()
        gate.set()
        await performing
        assert client.connection.subscriptions == {}
        await node.assert_nothing_is_left()


async def test_a_closing_connection_is_left_alone_by_backends() -> None:
    async with staged_node() as node:
        client = await node.subscribed("news", user="ann")
        client.connection.close(codes.FORCE_RECONNECT)
        perform = node.hub.control.perform
        await perform(UnsubscribeUser(user="ann", channel="news"))
        await perform(DisconnectUser(user="ann"))
        assert not node.hub.counters.unsubscribes
        assert client.goodbye == codes.FORCE_RECONNECT
        await client.vanish()
        await node.assert_nothing_is_left()


@pytest.mark.parametrize("step", JOIN_STEPS)
async def test_one_connection_that_leaves_keeps_a_backends_subscribe_from_no_other(step: str) -> None:
    async with staged_node() as node, asyncio.TaskGroup() as group:
        leaving, staying = await node.connected("ann"), await node.connected("ann")
        gate = node.engine.hold(step, "news")
        performing = group.create_task(node.hub.control.perform(SubscribeUser(user="ann", channel="news")))
        await idle()
        leaving.connection.close(codes.FORCE_RECONNECT)
        gate.set()
        await performing
        await idle()
        assert leaving.connection.subscriptions == {}
        assert staying.connection.subscriptions.keys() == {"news"}
        assert await present(node, "news") == {staying.connection.client_id}
        await leaving.vanish()
        await staying.vanish()
        await node.assert_nothing_is_left()


@pytest.mark.parametrize("step", JOIN_STEPS)
async def test_a_backends_unsubscribe_during_a_subscribe_leaves_nothing(step: str) -> None:
    async with staged_node() as node, asyncio.TaskGroup() as group:
        client = await node.connected("ann")
        gate = node.engine.hold(step, "news")
        answer = group.create_task(client.send(subscribe("news")))
        await idle()
        await node.hub.control.perform(UnsubscribeUser(user="ann", channel="news"))
        gate.set()
        messages = await answer
        assert [message["error"]["code"] for message in messages if "error" in message] == [100]
        assert not [message for message in messages if "subscribe" in message]
        await idle()
        assert await present(node, "news") == set()
        assert client.connection.subscriptions == {}
        assert node.hub.index.channels == {}
        assert ("publish_join", "news") not in node.engine.done


async def test_after_an_aborted_subscribe_the_next_one_stands() -> None:
    async with staged_node() as node, asyncio.TaskGroup() as group:
        client = await node.connected("ann")
        gate = node.engine.hold("add_presence", "news")
        first = group.create_task(client.send(subscribe("news")))
        await idle()
        await node.hub.control.perform(UnsubscribeUser(user="ann", channel="news"))
        gate.set()
        await first
        assert "subscribe" in await client.call("subscribe", channel="news")
        assert await present(node, "news") == {client.connection.client_id}
        await node.hub.publish("news", b"1")
        assert [publication["data"] for publication in await client.pushes("pub")] == [1]


# --- an engine that fails -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("failing", DEPARTURE_STEPS)
async def test_a_step_of_a_departure_that_fails_keeps_no_other_from_being_done(failing: str) -> None:
    async with staged_node() as node:
        client = await node.subscribed("news", user="ann")
        node.engine.failing.add((failing, "news"))
        assert await client.call("unsubscribe", channel="news") == {"unsubscribe": {}}
        done = [method for method, _ in node.engine.done if method in DEPARTURE_STEPS]
        assert done == [step for step in DEPARTURE_STEPS if step != failing]
        assert node.hub.departures.failures == 1
        assert node.hub.index.channels == {}
        assert node.hub.index.num_subscriptions == 0


@pytest.mark.parametrize("failing", DEPARTURE_STEPS)
async def test_a_departure_of_the_servers_own_goes_on_past_a_failure(failing: str) -> None:
    async with staged_node() as node:
        client = await node.subscribed("news", "sport", user="ann")
        node.engine.failing.add((failing, "news"))
        for subscription in list(client.connection.subscriptions.values()):
            node.hub.end(subscription, codes.UNSUBSCRIBED_EXPIRED)
        await idle()
        assert (node.hub.departures.failures, node.hub.departures.num_waiting) == (1, 0)
        assert node.hub.index.channels == {}
        assert {("unsubscribe", "sport"), ("remove_presence", "sport")} <= set(node.engine.done)


async def test_a_channel_whose_interest_was_not_given_up_can_be_subscribed_again() -> None:
    async with staged_node() as node:
        client = await node.subscribed("news", user="ann")
        node.engine.failing.add(("unsubscribe", "news"))
        await client.call("unsubscribe", channel="news")
        node.engine.failing.clear()
        await client.call("subscribe", channel="news")
        await node.hub.publish("news", b"1")
        assert [publication["data"] for publication in await client.pushes("pub")] == [1]


async def test_a_join_that_cannot_be_announced_is_one_reply_and_counted() -> None:
    async with staged_node() as node:
        client = await node.connected("ann")
        node.engine.failing.add(("publish_join", "news"))
        (reply,) = await client.send(subscribe("news"))
        assert reply.keys() == {"id", "subscribe"}
        assert node.hub.counters.announcements_lost == 1
        await node.hub.publish("news", b"1")
        assert [publication["data"] for publication in await client.pushes("pub")] == [1]


async def test_joins_of_a_connect_that_cannot_be_announced_are_one_reply_and_counted() -> None:
    async with staged_node() as node:
        client = node.client()
        node.engine.failing |= {("publish_join", "first"), ("publish_join", "second")}
        subs: dict[str, object] = {"first": {}, "second": {}}
        (reply,) = await client.send({"id": 1, "connect": {"token": node.token("ann", subs=subs)}})
        assert reply["connect"]["subs"].keys() == subs.keys()
        assert node.hub.counters.announcements_lost == 2


# --- coming back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", DEPARTURE_STEPS)
async def test_a_resubscription_waits_for_the_departure_before_it(step: str) -> None:
    """Or the old leave would overtake the new join, and the old end of presence the new presence."""
    async with staged_node() as node, asyncio.TaskGroup() as group:
        watcher = await node.subscribed("news", user="bob")
        client = await node.subscribed("news", user="ann")
        if step == "unsubscribe":
            await watcher.call("unsubscribe", channel="news")
        await watcher.read()
        gate = node.engine.hold(step, "news")
        node.hub.end(client.connection.subscriptions["news"], codes.UNSUBSCRIBED_EXPIRED)
        answer = group.create_task(client.send(subscribe("news")))
        await idle()
        assert [message for message in await client.read() if "subscribe" in message] == []
        gate.set()
        assert [message for message in await answer if "subscribe" in message]
        await idle()
        assert await present(node, "news") >= {client.connection.client_id}
        if step != "unsubscribe":
            assert await comings_and_goings(watcher, client) == ["leave", "join"]
        await node.hub.publish("news", b"1")
        assert [publication["data"] for publication in await client.pushes("pub")] == [1]


async def test_a_resubscription_does_not_wait_for_departures_of_others() -> None:
    async with staged_node() as node:
        leaving, client = await node.subscribed("news", user="bob"), await node.connected("ann")
        gate = node.engine.hold("publish_leave", "news")
        node.hub.end(leaving.connection.subscriptions["news"], codes.UNSUBSCRIBED_EXPIRED)
        await idle()
        assert "subscribe" in await client.call("subscribe", channel="news")
        gate.set()


async def test_subscriptions_are_counted_through_their_whole_life() -> None:
    async with staged_node() as node:
        index = node.hub.index
        first, second = await node.subscribed("news", "sport", user="ann"), await node.subscribed("news", user="bob")
        assert index.num_subscriptions == 3
        await first.call("unsubscribe", channel="news")
        await first.call("unsubscribe", channel="news")
        assert index.num_subscriptions == 2
        node.hub.end(second.connection.subscriptions["news"], codes.UNSUBSCRIBED_EXPIRED)
        assert index.num_subscriptions == 1
        await first.vanish()
        await second.vanish()
        await node.assert_nothing_is_left()
