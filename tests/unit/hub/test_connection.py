"""The life of a connection as a transcript: what the client sends, what it is told, and what time brings."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from msgspec import Raw

from hub.commands.rpc import RPCCall
from hub.connection import CLOSING_DEADLINE_S, SLOW_CLOSING_DEADLINE_S, State
from hub.control_operations import MessageUser
from hub.errors import EngineUnavailable
from hub.protocol import codes
from hub.tokens.claims import KeysUnavailable
from tests.unit.hub.client import Client, connect, subscribe
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import idle, pass_time

INTERVAL_S = 25
PONG_TIMEOUT_S = 8


# --- order and form -------------------------------------------------------------------------------------------------


async def test_trap_09_the_commands_of_one_frame_are_handled_in_order() -> None:
    client = Node().client()
    replies = await client.send(
        connect(1),
        subscribe("news", 2),
        {"id": 3, "publish": {"channel": "news", "data": {"n": 1}}},
        {"id": 4, "unsubscribe": {"channel": "news"}},
        {"id": 5, "unsubscribe": {"channel": "news"}},
    )
    assert [reply.get("id", "push") for reply in replies if "push" not in reply] == [1, 2, 3, 4, 5]
    (position,) = [number for number, reply in enumerate(replies) if "push" in reply]
    assert replies[position]["push"]["pub"]["data"] == {"n": 1}
    assert 2 <= position <= 4, "after its subscribe reply, before the unsubscribe's"


async def test_what_a_tick_brings_is_one_frame() -> None:
    client = Node().client()
    await client.send(connect(), subscribe("news"))
    assert len(client.transport.frames) == 1


async def test_ids_are_echoed_whatever_they_are() -> None:
    client = Node().client()
    replies = await client.send(connect(4_294_967_295), subscribe("news", 7), subscribe("chat", 7))
    assert [reply["id"] for reply in replies] == [4_294_967_295, 7, 7]


BROKEN: list[tuple[str, list[object]]] = [
    ("first command is not connect", [subscribe("news")]),
    ("second connect", [connect(1), connect(2)]),
    ("connect without id", [connect(0)]),
    ("command without id", [connect(), subscribe("news", 0)]),
    ("no method that is known", [connect(), {"id": 5, "dance": {}}]),
    ("no method at all", [connect(), {"id": 5}]),
    ("a pong that is not owed", [connect(), {}]),
    ("a pong before connect", [{}]),
    ("send before connect", [{"send": {"data": 1}}]),
]


@pytest.mark.parametrize("commands", [commands for _, commands in BROKEN], ids=[name for name, _ in BROKEN])
async def test_breaking_the_protocol_ends_the_connection(commands: list[object]) -> None:
    node = Node()
    client = node.client()
    await client.send(*commands)
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
    assert node.hub.counters.handler_failures == 0


@pytest.mark.parametrize("frame", [b"", b"{", b"[]", b"\xff", b'{"id":"1"}'])
async def test_a_bad_frame_ends_the_connection_and_is_counted(frame: bytes) -> None:
    node = Node()
    client = await node.connected()
    await client.send_bytes(frame)
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
    assert node.hub.counters.bad_frames == 1


async def test_nothing_behind_the_offence_is_done() -> None:
    node = Node()
    client = node.client()
    await client.send(connect(), {"id": 2}, {"id": 3, "publish": {"channel": "news", "data": 1}})
    assert node.hub.counters.publications == 0
    assert [reply["id"] for reply in client.transport.replies] == [1]


async def test_a_connect_that_was_refused_leaves_nothing_but_to_go() -> None:
    node = Node()
    client = node.client()
    (reply,) = await client.send(connect(token=node.token("42", ttl_s=-1)))
    assert reply["error"] == {"code": 109, "message": "token expired"}
    assert client.connection.state is State.REFUSED
    await client.send(connect(2))
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT


async def test_trap_03_an_error_has_a_message_and_says_when_it_is_temporary(monkeypatch: pytest.MonkeyPatch) -> None:
    client = await Node().connected()
    assert await client.call("subscribe", channel="news:1") == {"error": {"code": 102, "message": "unknown channel"}}
    monkeypatch.setattr(client.connection.hub.engine, "publish", unavailable)
    failure = {"error": {"code": 100, "message": "internal server error", "temporary": True}}
    assert await client.call("publish", channel="news", data=1) == failure


async def unavailable(*arguments: object) -> Any:
    raise EngineUnavailable


async def test_a_fault_of_ours_is_error_100_and_ends_nobody(caplog: pytest.LogCaptureFixture) -> None:
    node = Node()

    async def fail(call: RPCCall) -> Raw:
        raise ZeroDivisionError

    node.hub.rpc.register("fail", fail)
    client = await node.connected()
    reply = await client.call("rpc", method="fail", data=1)
    assert reply["error"]["code"] == 100
    assert client.goodbye is None
    assert node.hub.counters.handler_failures == 1
    assert "command_failed" in caplog.text


async def test_keys_that_cannot_be_had_are_error_100(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()

    async def verify_connect(token: str, *, ignore_expiry: bool) -> Any:
        raise KeysUnavailable

    monkeypatch.setattr(node.hub.tokens, "verify_connect", verify_connect)
    (reply,) = await node.client().send(connect(token="any"))
    assert reply["error"]["code"] == 100


# --- rate -----------------------------------------------------------------------------------------------------------


async def test_commands_beyond_the_rate_are_error_111_until_there_is_room_again() -> None:
    node = Node(hub_config(command_rate_limit_per_s=1, command_rate_burst=3))
    client = await node.connected()
    replies = [await client.call("unsubscribe", channel="news") for _ in range(4)]
    assert [reply.get("error", {}).get("code") for reply in replies] == [None, None, 111, 111]
    await pass_time(1)
    assert await client.call("unsubscribe", channel="news") == {"unsubscribe": {}}


async def test_who_does_not_stop_is_sent_away() -> None:
    node = Node(hub_config(command_rate_limit_per_s=1, command_rate_burst=3))
    client = await node.connected()
    await client.send(*({"id": number, "unsubscribe": {"channel": "news"}} for number in range(2, 20)))
    assert client.goodbye == codes.TOO_MANY_REQUESTS_DISCONNECT
    assert node.hub.counters.reply_errors[111] == 3


async def test_a_refused_command_without_id_is_not_answered() -> None:
    node = Node(hub_config(command_rate_limit_per_s=1, command_rate_burst=1))
    client = await node.connected()
    assert await client.send({"send": {"data": 1}}) == []
    assert client.goodbye is None


async def test_without_a_limit_nothing_is_refused() -> None:
    node = Node(hub_config(command_rate_limit_per_s=0))
    client = await node.connected()
    replies = await client.send(*({"id": number, "unsubscribe": {"channel": "news"}} for number in range(2, 1000)))
    assert all(reply["unsubscribe"] == {} for reply in replies)
    assert len(replies) == 998


# --- ping and pong --------------------------------------------------------------------------------------------------


async def test_trap_07_pings_come_each_interval_and_each_is_owed_one_pong() -> None:
    node = Node()
    async with node.running():
        client = await node.connected()
        pings = []
        for second in range(1, 4 * INTERVAL_S + 1):
            await pass_time(1)
            for message in await client.read():
                assert message == {}
                pings.append(second)
                assert await client.send({}) == []
        assert client.goodbye is None
        assert INTERVAL_S / 2 <= pings[0] <= INTERVAL_S + 1
        assert all(later - earlier in (INTERVAL_S, INTERVAL_S + 1) for earlier, later in pairwise(pings))


async def until_ping(client: Client) -> None:
    for _ in range(INTERVAL_S + 2):
        await pass_time(1)
        if {} in await client.read():
            return
    raise AssertionError("no ping came")


async def test_trap_07_a_second_pong_is_not_owed() -> None:
    node = Node()
    async with node.running():
        client = await node.connected()
        await until_ping(client)
        await client.send({})
        assert client.goodbye is None
        await client.send({})
        assert client.goodbye == codes.BAD_REQUEST_DISCONNECT


async def test_no_pong_in_time_is_the_end() -> None:
    node = Node()
    async with node.running():
        client = await node.connected()
        await until_ping(client)
        await pass_time(PONG_TIMEOUT_S - 2)
        assert client.goodbye is None
        await pass_time(3)
        assert client.goodbye == codes.NO_PONG


async def test_trap_07_pings_come_on_busy_connections_too() -> None:
    """centrifuge-python restarts its timer at pings only."""
    node = Node()
    async with node.running():
        client = await node.subscribed("news")
        for _ in range(INTERVAL_S + 1):
            await pass_time(1)
            await node.hub.publish("news", b"1")
        assert {} in await client.read()


async def test_without_an_interval_nobody_is_pinged() -> None:
    node = Node(hub_config(ping_interval_s=0))
    async with node.running():
        client = await node.connected()
        await pass_time(200)
        assert await client.read() == []
        assert client.goodbye is None


# --- deadlines ------------------------------------------------------------------------------------------------------


async def test_who_does_not_connect_in_time_is_stale() -> None:
    node = Node()
    async with node.running():
        client = node.client()
        await pass_time(9.9)
        assert client.goodbye is None
        await pass_time(0.7)
        assert client.goodbye == codes.STALE


async def test_who_was_refused_and_stays_is_stale_too() -> None:
    node = Node()
    async with node.running():
        client = node.client()
        await client.send(connect(token=node.token("42", ttl_s=-1)))
        await pass_time(10.6)
        assert client.goodbye == codes.STALE


async def test_a_token_that_is_not_refreshed_ends_the_connection_after_a_grace() -> None:
    node = Node(hub_config(ping_interval_s=0, expired_close_delay_s=25))
    async with node.running():
        client = node.client()
        (reply,) = await client.send(connect(token=node.token("42", ttl_s=60)))
        assert (reply["connect"]["expires"], reply["connect"]["ttl"]) == (True, 60)
        await pass_time(60 + 24)
        assert client.goodbye is None
        await pass_time(2)
        assert client.goodbye == codes.CONNECTION_EXPIRED


async def test_a_wall_clock_that_was_set_back_gives_the_connection_that_time() -> None:
    node = Node(hub_config(ping_interval_s=0))
    async with node.running():
        client = await node.connected("42", token=node.token("42", ttl_s=60))
        node.clock._now_s -= 100
        await pass_time(60 + 25 + 50)
        assert client.goodbye is None
        await pass_time(51)
        assert client.goodbye == codes.CONNECTION_EXPIRED


async def test_a_peer_that_does_not_say_goodbye_is_cut() -> None:
    node = Node()
    async with node.running():
        client = await node.connected()
        client.connection.close(codes.FORCE_RECONNECT)
        await pass_time(CLOSING_DEADLINE_S - 0.1)
        assert not client.transport.is_aborted
        await pass_time(0.6)
        assert client.transport.is_aborted


async def test_a_slow_peer_is_cut_sooner() -> None:
    node = Node()
    async with node.running():
        client = await node.connected()
        client.connection.close(codes.SLOW)
        await pass_time(SLOW_CLOSING_DEADLINE_S + 0.6)
        assert client.transport.is_aborted


async def test_one_that_is_gone_has_no_deadline_any_more() -> None:
    node = Node()
    async with node.running():
        client = await node.connected()
        await client.vanish()
        assert client.connection.deadline_slot == 0
        client.connection.on_deadline(node.clock.monotonic_s() + 1_000)
        assert client.connection.deadline_slot == 0
        assert not client.transport.is_aborted


# --- ends -----------------------------------------------------------------------------------------------------------


async def test_what_is_pending_is_written_before_the_goodbye_and_nothing_after() -> None:
    node = Node()
    client = await node.subscribed("news")
    await node.hub.publish("news", b"1")
    client.connection.close(codes.FORCE_DISCONNECT)
    await node.hub.publish("news", b"2")
    assert [push["data"] for push in await client.pushes("pub")] == [1]
    assert client.goodbye == codes.FORCE_DISCONNECT


async def test_the_first_reason_stands() -> None:
    node = Node()
    client = await node.connected()
    client.connection.close(codes.SHUTDOWN)
    client.connection.close(codes.FORCE_DISCONNECT)
    assert client.goodbye == codes.SHUTDOWN
    assert client.connection.close_reason == codes.SHUTDOWN
    assert node.hub.counters.disconnects == {3001: 1}


async def test_commands_that_come_after_the_goodbye_are_not_looked_at() -> None:
    node = Node()
    client = await node.connected()
    client.connection.close(codes.SHUTDOWN)
    assert await client.send({"id": 2, "publish": {"channel": "news", "data": 1}}) == []
    assert node.hub.counters.publications == 0


async def test_a_peer_that_left_by_itself_was_not_closed() -> None:
    node = Node()
    client = await node.connected("42")
    await client.vanish()
    assert client.goodbye is None
    assert client.connection.close_reason == codes.CONNECTION_CLOSED
    assert client.connection.state is State.CLOSED
    await client.vanish()
    assert node.hub.registry.num_clients == 0


async def test_trap_14_a_client_that_vanishes_frees_its_presence_at_once() -> None:
    node = Node(hub_config(replace(OPEN, presence=True)))
    client = await node.subscribed("news")
    assert set(await node.engine.presence("news")) == {client.connection.client_id}
    await client.vanish()
    assert await node.engine.presence("news") == {}


async def test_an_ended_connection_is_freed_without_the_garbage_collector() -> None:
    node = Node()
    async with node.running():
        gc.disable()
        try:
            client = await node.subscribed("news")
            await client.vanish()
            transport = weakref.ref(client.transport)
            del client
            await idle()
            assert transport() is None, "something still holds the connection"
        finally:
            gc.enable()


async def test_a_message_of_the_backend_arrives_as_it_is() -> None:
    node = Node()
    client = await node.connected("42")
    await node.hub.control.perform(MessageUser(user="42", data=Raw(b'{"x": 1.50}')))
    await idle()
    assert client.transport.messages[-1] == b'{"push":{"message":{"data":{"x": 1.50}}}}'


async def test_a_handler_that_is_cancelled_says_so() -> None:
    """Cancellation is the transport's; it is no failure of a command."""
    node = Node()
    held = asyncio.Event()

    async def wait(call: RPCCall) -> Raw:
        await held.wait()
        return Raw(b"{}")

    node.hub.rpc.register("wait", wait)
    client = await node.connected()
    task = asyncio.get_running_loop().create_task(client.send({"id": 5, "rpc": {"method": "wait", "data": 1}}))
    await idle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert node.hub.counters.handler_failures == 0
