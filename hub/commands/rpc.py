"""rpc and send: a client's message to the application behind the hub, and its acknowledgements."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from msgspec import UNSET, Raw

from hub.acknowledgements import acknowledgements_in
from hub.call_context import MENTION, take_context
from hub.errors import Disconnected, ReplyError
from hub.protocol.codes import INTERNAL, NOT_AVAILABLE, NOT_AVAILABLE_DISCONNECT
from hub.protocol.messages import OptionalRaw, Reply, RPCResult
from hub.traced_work import inside
from hub.tracing import CURRENT, UNSAMPLED, Kind

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.connection import Connection
    from hub.protocol.messages import RPCRequest, SendRequest
    from hub.publication_traces import PublicationTraces
    from hub.tracing import Attribute

    RPCHandler = Callable[["RPCCall"], Awaitable[OptionalRaw]]


@dataclass(frozen=True, slots=True)
class RPCCall:
    """One call: who calls (`connection` is None for a backend) and the raw JSON it brings."""

    method: str
    data: OptionalRaw
    connection: Connection | None


class RPCMethods:
    """The methods that parts of the platform serve, by name.

    Attributes:
        traces: the hub's, which sets it.
    """

    traces: PublicationTraces | None = None

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._handlers: dict[str, RPCHandler] = {}
        self._unfollowed: set[str] = set()

    def register(self, method: str, handler: RPCHandler, *, is_followed: bool = True) -> None:
        """Serve a method. The handler returns raw JSON, or UNSET for none, and raises ReplyError to refuse.

        Args:
            is_followed: whether calls may be in traces: not those of whoever looks at traces.

        Raises:
            ValueError: the method is taken.
        """
        if method in self._handlers:
            raise ValueError(f"RPC method {method!r} is registered already")
        self._handlers[method] = handler
        if not is_followed:
            self._unfollowed.add(method)

    def __contains__(self, method: str) -> bool:
        return method in self._handlers

    async def call(self, call: RPCCall) -> OptionalRaw:
        """Run a method within its deadline, without the trace context in its data.

        Raises:
            ReplyError: 108 nobody serves it; 100 (temporary) no answer in time; or what the handler raised.
        """
        handler = self._handlers.get(call.method)
        if handler is None:
            raise ReplyError(NOT_AVAILABLE)
        context = None
        if call.data is not UNSET and MENTION in bytes(call.data):
            data, context = take_context(call.data)
            call = replace(call, data=data)
        traces = self.traces
        if traces is None:
            return await self._run(handler, call)
        if call.method in self._unfollowed:
            return await self._run_unfollowed(handler, call)
        verdict = traces.decisions.decide_on_call(context)
        if not verdict.is_sampled:
            return await self._run_unfollowed(handler, call)
        attributes: dict[str, Attribute] = {"rpc.system.name": "syncline", "rpc.method": call.method}
        with inside(traces.tracer.start_span(f"rpc {call.method}", Kind.SERVER, verdict.parent, attributes)):
            return await self._run(handler, call)

    async def _run_unfollowed(self, handler: RPCHandler, call: RPCCall) -> OptionalRaw:
        """What it publishes begins no trace: that was decided for the call as a whole."""
        token = CURRENT.set(UNSAMPLED)
        try:
            return await self._run(handler, call)
        finally:
            CURRENT.reset(token)

    async def _run(self, handler: RPCHandler, call: RPCCall) -> OptionalRaw:
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
    """Nothing in the platform takes messages without an answer, except for what a client says of publications."""
    shown = None if request.data is UNSET else acknowledgements_in(bytes(request.data))
    if shown is None:
        raise Disconnected(NOT_AVAILABLE_DISCONNECT)
    connection.hub.acknowledgements.take(connection, shown)
