from __future__ import annotations

import asyncio

import pytest
from msgspec import UNSET, Raw

from hub.commands.rpc import RPCCall
from hub.errors import ReplyError
from hub.protocol import codes
from hub.protocol.codes import ErrorCode
from hub.protocol.messages import OptionalRaw
from tests.unit.hub.node import Node, hub_config
from tests.unit.hub.virtual_time import pass_time


async def echo(call: RPCCall) -> OptionalRaw:
    return call.data


async def test_a_method_gets_the_call_and_its_answer_is_passed_on_as_it_is() -> None:
    node = Node()
    calls = []

    async def sum_up(call: RPCCall) -> OptionalRaw:
        calls.append(call)
        return Raw(b'{"sum": 3.50}')

    node.hub.rpc.register("sum", sum_up)
    client = await node.connected("42")
    await client.send({"id": 7, "rpc": {"method": "sum", "data": [1, 2.5]}})
    assert client.transport.messages[-1] == b'{"id":7,"rpc":{"data":{"sum": 3.50}}}'
    (call,) = calls
    assert (call.method, bytes(call.data or b""), call.connection) == ("sum", b"[1,2.5]", client.connection)


async def test_trap_02_a_method_without_an_answer_is_answered_empty() -> None:
    node = Node()
    node.hub.rpc.register("echo", echo)
    client = await node.connected()
    assert await client.send({"id": 7, "rpc": {"method": "echo"}}) == [{"id": 7, "rpc": {}}]


async def test_trap_13_a_method_that_nobody_serves_is_108() -> None:
    client = await Node().connected()
    (reply,) = await client.send({"id": 7, "rpc": {"method": "method", "data": {}}})
    assert reply["error"] == {"code": 108, "message": "not available"}


async def test_a_method_refuses_with_an_error_of_its_own() -> None:
    node = Node()

    async def refuse(call: RPCCall) -> OptionalRaw:
        raise ReplyError(ErrorCode(450, "sold out"))

    node.hub.rpc.register("buy", refuse)
    client = await node.connected()
    (reply,) = await client.send({"id": 7, "rpc": {"method": "buy"}})
    assert reply["error"] == {"code": 450, "message": "sold out"}


async def test_a_method_that_does_not_answer_in_time_is_error_100() -> None:
    node = Node(hub_config(rpc_timeout_s=5))

    async def wait(call: RPCCall) -> OptionalRaw:
        await asyncio.Event().wait()
        return UNSET

    node.hub.rpc.register("wait", wait)
    client = await node.connected()
    task = asyncio.get_running_loop().create_task(client.send({"id": 7, "rpc": {"method": "wait"}}))
    await pass_time(4.9)
    assert not task.done()
    await pass_time(0.2)
    (reply,) = await task
    assert reply["error"] == {"code": 100, "message": "internal server error", "temporary": True}


async def test_a_method_has_one_handler() -> None:
    rpc = Node().hub.rpc
    rpc.register("echo", echo)
    assert "echo" in rpc
    with pytest.raises(ValueError, match="'echo' is registered already"):
        rpc.register("echo", echo)


@pytest.mark.parametrize("is_enabled", [True, False])
async def test_the_built_in_ping(is_enabled: bool) -> None:
    client = await Node(hub_config(rpc_ping_enabled=is_enabled)).connected()
    (reply,) = await client.send({"id": 7, "rpc": {"method": "ping"}})
    expected = {"rpc": {"data": {}}} if is_enabled else {"error": {"code": 108, "message": "not available"}}
    assert reply == {"id": 7, **expected}


async def test_nothing_takes_a_send() -> None:
    client = await Node().connected()
    await client.send({"send": {"data": 1}})
    assert client.goodbye == codes.NOT_AVAILABLE_DISCONNECT


async def test_clients_do_not_ping() -> None:
    client = await Node().connected()
    (reply,) = await client.send({"id": 7, "ping": {}})
    assert reply["error"]["code"] == 108
