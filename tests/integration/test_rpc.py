"""rpc and send: messages to the application behind the hub."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from msgspec import UNSET, Raw

from hub.errors import ReplyError
from hub.protocol.codes import ErrorCode
from tests.support.api_client import APIRefused
from tests.support.local_server import hub_config
from tests.support.raw_client import Close

if TYPE_CHECKING:
    from hub.commands.rpc import RPCCall
    from hub.protocol.messages import OptionalRaw
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer


async def test_ping_method_answers_where_enabled(serve: Serve) -> None:
    server = await serve(hub_config(rpc_ping_enabled=True))
    assert await (await server.connected()).call("rpc", method="ping", data={"any": 1}) == {"data": {}}


async def test_unknown_method_is_error_108(server: LocalServer) -> None:
    error = await (await server.connected()).refusal("rpc", method="nobody")
    assert error == {"code": 108, "message": "not available"}


async def test_registered_method_gets_caller_and_data_as_sent(server: LocalServer) -> None:
    async def whoami(call: RPCCall) -> OptionalRaw:
        assert call.connection is not None
        assert call.data is not UNSET
        return Raw(b'["%s", %s]' % (call.connection.user.encode(), bytes(call.data)))

    server.hub.rpc.register("whoami", whoami)
    client = await server.connected("42")
    assert await client.call("rpc", method="whoami", data={"a": [1]}) == {"data": ["42", {"a": [1]}]}


async def test_method_without_an_answer_has_an_empty_result(server: LocalServer) -> None:
    async def note(call: RPCCall) -> OptionalRaw:
        return UNSET

    server.hub.rpc.register("note", note)
    assert await (await server.connected()).call("rpc", method="note") == {}


async def test_method_may_refuse_with_its_own_code(server: LocalServer) -> None:
    async def refuse(call: RPCCall) -> OptionalRaw:
        raise ReplyError(ErrorCode(1234, "no such cart"))

    server.hub.rpc.register("refuse", refuse)
    assert await (await server.connected()).refusal("rpc", method="refuse") == {"code": 1234, "message": "no such cart"}


async def test_method_that_does_not_answer_in_time_is_temporary_error_100(serve: Serve) -> None:
    server = await serve(hub_config(rpc_timeout_s=0.05))
    cancelled = asyncio.Event()

    async def hang(call: RPCCall) -> OptionalRaw:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        return UNSET

    server.hub.rpc.register("hang", hang)
    client = await server.connected()
    error = await client.refusal("rpc", method="hang")
    assert error == {"code": 100, "message": "internal server error", "temporary": True}
    assert cancelled.is_set()


async def test_backend_calls_the_same_methods(serve: Serve) -> None:
    server = await serve(hub_config(rpc_ping_enabled=True))
    assert await server.api.call("rpc", method="ping", params={}) == {"data": {}}
    with pytest.raises(APIRefused) as refused:
        await server.api.call("rpc", method="nobody")
    assert refused.value.code == 104


async def test_send_has_nobody_to_take_it_and_is_closed_with_3508(server: LocalServer) -> None:
    client = await server.connected()
    await client.send({"send": {"data": {"a": 1}}})
    assert await client.closing() == Close(3508, "not available")


async def test_client_ping_is_not_served_in_version_2(server: LocalServer) -> None:
    assert (await (await server.connected()).refusal("ping"))["code"] == 108
