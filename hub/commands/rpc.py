"""rpc and send: a client's message to the application behind the hub."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import Raw

from hub.errors import Disconnected, ReplyError
from hub.protocol.codes import INTERNAL, NOT_AVAILABLE, NOT_AVAILABLE_DISCONNECT
from hub.protocol.messages import OptionalRaw, Reply, RPCResult

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.connection import Connection
    from hub.protocol.messages import RPCRequest, SendRequest

    RPCHandler = Callable[["RPCCall"], Awaitable[OptionalRaw]]


@dataclass(frozen=True, slots=True)
class RPCCall:
    """One call: who calls (`connection` is None for a backend) and the raw JSON it brings."""

    method: str
    data: OptionalRaw
    connection: Connection | None


class RPCMethods:
    """The methods that parts of the platform serve, by name."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._handlers: dict[str, RPCHandler] = {}

    def register(self, method: str, handler: RPCHandler) -> None:
        """Serve a method. The handler returns raw JSON, or UNSET for none, and raises ReplyError to refuse.

        Raises:
            ValueError: the method is taken.
        """
        if method in self._handlers:
            raise ValueError(f"RPC method {method!r} is registered already")
        self._handlers[method] = handler

    def __contains__(self, method: str) -> bool:
        return method in self._handlers

    async def call(self, call: RPCCall) -> OptionalRaw:
        """Run a method within its deadline.

        Raises:
            ReplyError: 108 nobody serves it; 100 (temporary) no answer in time; or what the handler raised.
        """
        handler = self._handlers.get(call.method)
        if handler is None:
            raise ReplyError(NOT_AVAILABLE)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await handler(call)
        except TimeoutError as exc:
            raise ReplyError(INTERNAL) from exc


async def answer_ping(call: RPCCall) -> OptionalRaw:  # noqa: ARG001  # the signature of every RPC method
    """The built-in method `ping` (`rpc.ping.enabled`)."""
    return Raw(b"{}")


async def handle_rpc(connection: Connection, command_id: int, request: RPCRequest) -> None:
    data = await connection.hub.rpc.call(RPCCall(request.method, request.data, connection))
    connection.reply(Reply(id=command_id, rpc=RPCResult(data)))


async def handle_send(connection: Connection, command_id: int, request: SendRequest) -> None:  # noqa: ARG001  # table signature
    """Nothing in the platform takes messages without an answer."""
    raise Disconnected(NOT_AVAILABLE_DISCONNECT)
