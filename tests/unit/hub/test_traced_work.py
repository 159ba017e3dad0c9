"""Calls and connects that are followed, with what happens inside them."""

from __future__ import annotations

import logging

import pytest
from msgspec import UNSET, Raw

from hub.commands.rpc import RPCCall
from hub.connection import Handshake
from hub.errors import ReplyError
from hub.protocol.codes import INTERNAL, PERMISSION_DENIED, ErrorCode
from hub.protocol.messages import OptionalRaw
from hub.trace_decisions import MAX_BELOW
from hub.tracing import CURRENT, UNSAMPLED, Kind, TraceContext
from tests.support.tracer import RecordingTracer, current
from tests.unit.hub.client import Client
from tests.unit.hub.node import Node

THEIRS = TraceContext("a" * 32, "1" * 16)


class Calls(Node):
    """A node with a method that notes what it was called with, and in which context."""

    def __init__(self, *, has_tracer: bool = True) -> None:
        super().__init__()
        self.tracer = RecordingTracer()
        if has_tracer:
            self.hub.tracer = self.tracer
        self.data: list[OptionalRaw] = []
        self.contexts: list[TraceContext | None] = []
        self.refusal: Exception | None = None
        self.hub.rpc.register("note", self._note)

    async def _note(self, call: RPCCall) -> OptionalRaw:
        self.data.append(call.data)
        self.contexts.append(CURRENT.get())
        if self.refusal is not None:
            raise self.refusal
        return UNSET

    async def call(self, data: bytes = b"{}") -> None:
        await self.hub.rpc.call(RPCCall("note", Raw(data), None))


def data_with(context: TraceContext) -> bytes:
    return b'{"a":1,"traceparent":"%s"}' % context.traceparent().encode()


@pytest.mark.parametrize("has_tracer", [True, False])
async def test_a_method_never_sees_the_context(has_tracer: bool) -> None:
    node = Calls(has_tracer=has_tracer)
    await node.call(data_with(THEIRS))
    assert node.data == [Raw(b'{"a":1}')]


async def test_a_call_that_brings_a_context_is_below_it() -> None:
    node = Calls()
    node.tracer.samples = False
    await node.call(data_with(THEIRS))
    span = node.tracer.one("rpc note")
    assert (span.kind, span.parent, span.num_ends, span.error) == (Kind.SERVER, THEIRS, 1, "")
    assert span.attributes == {"rpc.system.name": "syncline", "rpc.method": "note"}
    assert node.contexts == [span.context]
    assert CURRENT.get() is None


async def test_a_call_without_one_is_followed_by_chance() -> None:
    node = Calls()
    await node.call()
    assert node.tracer.one("rpc note").parent is None
    assert node.tracer.num_asked == 1


@pytest.mark.parametrize("data", [b"{}", data_with(THEIRS._replace(is_sampled=False))])
async def test_inside_a_call_that_is_not_followed_no_trace_begins(data: bytes) -> None:
    node = Calls()
    node.tracer.samples = False
    await node.call(data)
    assert node.contexts == [UNSAMPLED]
    assert not node.tracer.spans
    assert CURRENT.get() is None


async def test_more_contexts_of_clients_than_may_be_followed_are_not() -> None:
    node = Calls()
    node.tracer.allowed = 1
    for _ in range(3):
        await node.call(data_with(THEIRS))
    assert len(node.tracer.spans) == 1


async def test_the_id_of_a_publication_gets_a_client_no_more_than_its_own() -> None:
    """Whoever is subscribed knows the id of the span that published."""
    node = Calls()
    node.tracer.allowed = 1
    assert node.hub.traces is not None
    node.hub.traces.decisions.note_ours(THEIRS)
    for _ in range(3):
        await node.call(data_with(THEIRS))
    assert len(node.tracer.spans) == 1


async def test_of_the_calls_of_one_request_only_so_many_have_spans() -> None:
    node = Calls()
    with current(THEIRS):
        for _ in range(MAX_BELOW + 2):
            await node.call()
    assert len(node.tracer.spans) == MAX_BELOW
    assert node.contexts[-2:] == [UNSAMPLED] * 2


@pytest.mark.parametrize(
    ("refusal", "error", "code"),
    [
        (ReplyError(PERMISSION_DENIED), "", 103),
        (ReplyError(ErrorCode(409, "conflict")), "", 409),
        (ReplyError(INTERNAL), "100", 100),
        (ReplyError(ErrorCode(503, "unavailable", temporary=True)), "503", 503),
    ],
)
async def test_a_refusal_is_no_failure_unless_the_fault_is_ours(refusal: Exception, error: str, code: int) -> None:
    node = Calls()
    node.refusal = refusal
    with pytest.raises(ReplyError):
        await node.call()
    span = node.tracer.one("rpc note")
    assert (span.error, span.attributes["syncline.error_code"], span.num_ends) == (error, code, 1)


async def test_a_fault_of_ours_is_one() -> None:
    node = Calls()
    node.refusal = ZeroDivisionError("with what the user wrote")
    with pytest.raises(ZeroDivisionError):
        await node.call()
    span = node.tracer.one("rpc note")
    assert (span.error, span.detail) == ("ZeroDivisionError", "")


class Lines(logging.Handler):
    """Notes in which context each line is written."""

    def __init__(self) -> None:
        super().__init__()
        self.contexts: list[TraceContext | None] = []

    def emit(self, record: logging.LogRecord) -> None:
        del record
        self.contexts.append(CURRENT.get())


@pytest.mark.parametrize("samples", [True, False])
async def test_what_failed_is_logged_in_the_context_that_it_came_out_of(samples: bool) -> None:
    node, lines = Calls(), Lines()
    node.tracer.samples = samples
    node.refusal = ZeroDivisionError()
    client = await node.connected()
    logger = logging.getLogger("hub.connection")
    logger.addHandler(lines)
    try:
        await client.call("rpc", method="note", data={})
    finally:
        logger.removeHandler(lines)
    assert lines.contexts == [node.tracer.one("rpc note").context if samples else None]
    assert CURRENT.get() is None


async def test_a_method_that_nobody_serves_has_no_span() -> None:
    node = Calls()
    with pytest.raises(ReplyError):
        await node.hub.rpc.call(RPCCall("anything a client writes", UNSET, None))
    assert not node.tracer.spans


# --- connect ----------------------------------------------------------------------------------------------------------


async def test_a_connect_is_a_trace_of_its_own_that_is_linked_to_the_upgrade() -> None:
    node = Calls()
    client = Client(node.hub, Handshake(trace=THEIRS))
    await client.call("connect")
    span = node.tracer.one("connect")
    assert (span.kind, span.parent, list(span.links), span.num_ends) == (Kind.SERVER, None, [THEIRS], 1)
    assert span.context.trace_id != THEIRS.trace_id


async def test_what_a_connection_does_later_is_not_below_its_connect() -> None:
    node = Calls()
    client = Client(node.hub, Handshake(trace=THEIRS))
    await client.call("connect")
    await client.call("rpc", method="note", data={})
    assert node.tracer.one("rpc note").parent is None


async def test_a_refused_connect_says_why() -> None:
    node = Calls()
    client = Client(node.hub, Handshake(trace=THEIRS))
    await client.send({"id": 1, "connect": {"token": "garbage"}})
    span = node.tracer.one("connect")
    assert (span.error, span.attributes["syncline.close_code"]) == ("", 3500)


async def test_a_connect_is_not_followed_by_itself() -> None:
    node = Calls()
    await node.connected()
    assert not node.tracer.spans
    assert node.tracer.num_asked == 0
