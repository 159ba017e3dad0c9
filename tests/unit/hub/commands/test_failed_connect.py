"""A connect that does not succeed leaves nothing, and before it succeeds nobody can reach the connection."""

from __future__ import annotations

import asyncio

import pytest

from hub.connection import State
from hub.control_operations import DisconnectUser, RefreshUser, SubscribeUser
from hub.protocol import codes
from hub.tokens.claims import ConnectClaims
from tests.unit.hub.client import Client
from tests.unit.hub.node import Node, hub_config
from tests.unit.hub.staged_node import StagedNode, staged_node
from tests.unit.hub.virtual_time import idle

TWO_CHANNELS: dict[str, object] = {"first": {}, "second": {}}
JOIN_STEPS = ["subscribe", "history", "add_presence"]


def connect_of(node: StagedNode, user: str = "ann") -> dict[str, object]:
    return {"id": 1, "connect": {"token": node.token(user, subs=TWO_CHANNELS)}}


@pytest.mark.parametrize("step", JOIN_STEPS)
async def test_a_join_that_fails_refuses_the_connect_and_leaves_nothing(step: str) -> None:
    async with staged_node() as node:
        node.engine.failing.add((step, "second"))
        client = node.client()
        (reply,) = await client.send(connect_of(node))
        assert (reply["id"], reply["error"]["code"]) == (1, 100)
        assert client.connection.state is State.REFUSED
        assert client.connection.subscriptions == {}
        await node.assert_nothing_is_left()
        assert not {method for method, _ in node.engine.done} & {"publish_join", "publish_leave"}


@pytest.mark.parametrize("step", JOIN_STEPS)
async def test_whoever_was_refused_may_only_leave(step: str) -> None:
    async with staged_node() as node:
        node.engine.failing.add((step, "second"))
        client = node.client()
        await client.send(connect_of(node))
        node.engine.failing.clear()
        await client.send(connect_of(node))
        assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
        await client.vanish()
        await node.assert_nothing_is_left()


@pytest.mark.parametrize("step", JOIN_STEPS)
async def test_backends_cannot_reach_a_connection_before_its_connect_is_answered(step: str) -> None:
    async with staged_node() as node, asyncio.TaskGroup() as group:
        gate = node.engine.hold(step, "second")
        client = node.client()
        answer = group.create_task(client.send(connect_of(node)))
        await idle()
        perform = node.hub.control.perform
        await perform(SubscribeUser(user="ann", channel="third"))
        await perform(RefreshUser(user="ann", expire_at_s=node.clock.now_s() + 60))
        await perform(DisconnectUser(user="ann"))
        assert node.hub.registry.of_user("ann") == []
        assert await client.read() == []
        gate.set()
        first, *joins = await answer
        assert first["connect"]["subs"].keys() == TWO_CHANNELS.keys()
        assert [push["push"].keys() for push in joins] == [{"channel", "join"}] * 2
        assert client.goodbye is None
        assert client.connection.subscriptions.keys() == TWO_CHANNELS.keys()


@pytest.mark.parametrize("step", JOIN_STEPS)
async def test_one_that_is_told_to_go_while_it_connects_leaves_nothing(step: str) -> None:
    async with staged_node() as node, asyncio.TaskGroup() as group:
        gate = node.engine.hold(step, "second")
        client = node.client()
        answer = group.create_task(client.send(connect_of(node)))
        await idle()
        client.connection.close(codes.SHUTDOWN)
        gate.set()
        assert await answer == []
        await client.vanish()
        await node.assert_nothing_is_left()
        assert node.hub.counters.connections_opened == 0


@pytest.mark.parametrize("subs", [{}, TWO_CHANNELS], ids=["no channels", "two channels"])
async def test_one_that_is_told_to_go_while_its_token_is_verified_stays_told(
    subs: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with staged_node() as node, asyncio.TaskGroup() as group:
        gate, verify = asyncio.Event(), node.hub.tokens.verify_connect

        async def slow(token: str, *, ignore_expiry: bool = False) -> ConnectClaims:
            await gate.wait()
            return await verify(token, ignore_expiry=ignore_expiry)

        monkeypatch.setattr(node.hub.tokens, "verify_connect", slow)
        client = node.client()
        answer = group.create_task(client.send({"id": 1, "connect": {"token": node.token("ann", subs=subs)}}))
        await idle()
        client.connection.close(codes.SHUTDOWN)
        gate.set()
        assert await answer == []
        assert client.connection.state is State.CLOSING
        await node.assert_nothing_is_left()


@pytest.mark.parametrize("step", JOIN_STEPS)
async def test_one_that_is_cancelled_while_it_connects_leaves_nothing(step: str) -> None:
    async with staged_node() as node:
        node.engine.hold(step, "second")
        client = node.client()
        async with asyncio.TaskGroup() as group:
            connecting = group.create_task(client.send(connect_of(node)))
            await idle()
            connecting.cancel()
        await client.vanish()
        await node.assert_nothing_is_left()


async def test_channels_beyond_the_limit_leave_nothing_of_those_below_it() -> None:
    async with staged_node(channel_limit=1) as node:
        client = node.client()
        assert await client.send(connect_of(node)) == []
        assert client.goodbye == codes.CHANNEL_LIMIT
        await client.vanish()
        await node.assert_nothing_is_left()


# --- how many connections a user may have ---------------------------------------------------------------------------


def limited_node() -> Node:
    return Node(hub_config(user_connection_limit=1))


async def reply_to_connect(node: Node, user: str) -> tuple[Client, list[dict[str, object]]]:
    client = node.client()
    return client, await client.send({"id": 1, "connect": {"token": node.token(user)}})


async def test_a_connection_that_was_told_to_go_does_not_count() -> None:
    node = limited_node()
    first = await node.connected("ann")
    refused, _ = await reply_to_connect(node, "ann")
    assert refused.goodbye == codes.CONNECTION_LIMIT
    first.connection.close(codes.FORCE_RECONNECT)
    assert first.connection in node.hub.registry.of_user("ann"), "its transport has yet to end"
    second, (reply,) = await reply_to_connect(node, "ann")
    assert "connect" in reply
    assert second.goodbye is None


async def test_two_that_connect_at_once_are_not_both_below_the_limit() -> None:
    async with staged_node(user_connection_limit=1) as node, asyncio.TaskGroup() as group:
        gate = node.engine.hold("history", "second")
        clients = [node.client(), node.client()]
        answers = [group.create_task(client.send(connect_of(node))) for client in clients]
        await idle()
        gate.set()
        connected = [bool(await answer) for answer in answers]
        assert sorted(connected) == [False, True]
        loser = clients[connected.index(False)]
        assert loser.goodbye == codes.CONNECTION_LIMIT
        assert loser.connection.subscriptions == {}
