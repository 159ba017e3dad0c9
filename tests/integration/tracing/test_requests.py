"""Requests and upgrades of a real server, followed by a recording tracer or by our own on a clock that stands still."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from hub.tracing import CURRENT, Kind, TraceContext
from observability.config import TracingConfig
from observability.tracing.memory import TraceMemory
from observability.tracing.sampling import Sampling
from observability.tracing.tracer import OtelTracer
from tests.support.api_client import API_KEY
from tests.support.clock import FakeClock
from tests.support.local_server import HOST, LocalServer, local_server
from tests.support.patience import PATIENCE_S, eventually
from tests.support.tracer import RecordedSpan, RecordingTracer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TRACE, SPAN = "a" * 32, "b" * 16
SAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-03"}

CAP = 40


@pytest.fixture
def tracer() -> RecordingTracer:
    return RecordingTracer(samples=False)


@pytest.fixture
async def server(tracer: RecordingTracer) -> AsyncIterator[LocalServer]:
    async with local_server(tracer=tracer) as running:
        yield running


async def test_what_a_request_publishes_is_below_its_span(server: LocalServer, tracer: RecordingTracer) -> None:
    await server.api.post("/api/publish", {"channel": "news", "data": 1}, SAMPLED)

    request = tracer.one("POST /api/publish")
    assert request.parent == TraceContext(TRACE, SPAN)
    assert tracer.one("publish").parent == request.context


async def test_an_upgrade_is_a_span_of_its_own_that_ends_when_the_connection_begins(
    server: LocalServer, tracer: RecordingTracer
) -> None:
    client = await server.client(additional_headers=SAMPLED)

    handshake = await _ended(tracer, "handshake websocket")
    assert handshake.kind is Kind.SERVER
    assert handshake.parent == TraceContext(TRACE, SPAN)
    assert handshake.attributes["http.response.status_code"] == 101
    assert handshake.attributes["http.route"] == "/connection/websocket"
    await client.call("connect")
    assert [connection.handshake.trace for connection in server.hub.registry.opened] == [handshake.context]


async def test_what_a_connection_does_later_is_not_below_its_handshake(
    server: LocalServer, tracer: RecordingTracer
) -> None:
    client = await server.connected(options={"additional_headers": SAMPLED})
    await _ended(tracer, "handshake websocket")
    tracer.samples = True
    await client.call("publish", channel="news", data=1)

    published = tracer.one("publish")
    assert published.parent is None or published.parent.trace_id != TRACE
    assert published.context.trace_id != TRACE


async def test_a_connection_whose_upgrade_was_not_followed_decides_for_itself_what_is(
    server: LocalServer, tracer: RecordingTracer
) -> None:
    client = await server.connected()
    assert [connection.handshake.trace for connection in server.hub.registry.opened] == [None]
    tracer.samples = True
    await client.call("publish", channel="news", data=1)

    assert len(tracer.named("publish")) == 1


async def test_a_refused_upgrade_ends_with_its_status(server: LocalServer, tracer: RecordingTracer) -> None:
    headers = {**SAMPLED, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "7"}
    answer = await server.api.request("GET", "/connection/websocket", headers=headers)

    assert answer.status == 426
    span = tracer.one("handshake websocket")
    assert (span.attributes["http.response.status_code"], span.error, span.num_ends) == (426, "", 1)


async def test_a_connection_that_ends_badly_says_nothing_more_of_its_handshake(
    server: LocalServer, tracer: RecordingTracer
) -> None:
    client = await server.connected(options={"additional_headers": SAMPLED})
    handshake = await _ended(tracer, "handshake websocket")
    await client.socket.send("{")
    await server.forgotten()

    assert (handshake.num_ends, handshake.error) == (1, "")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/startupz"])
async def test_probes_are_not_followed(server: LocalServer, tracer: RecordingTracer, path: str) -> None:
    await server.api.request("GET", path, headers=SAMPLED)

    assert not tracer.spans


async def test_ten_thousand_sampled_parents_on_one_connection_are_followed_up_to_the_bound() -> None:
    clock = FakeClock()
    memory = TraceMemory(10, "uid", "name")
    config = TracingConfig(is_enabled=True, sample_ratio=0, max_followed_per_s=CAP)
    sampling = Sampling(config, None, clock)
    tracer = OtelTracer(sampling, clock, memory.add)
    async with local_server(tracer=tracer) as server:
        assert await _pipelined(server.port, 10_000) == 10_000

    measures = tracer.measures()
    assert measures["trace_parents_refused"] == 10_000 - CAP
    assert measures["spans_started"] == 2 * CAP  # the request and its publication
    assert CURRENT.get() is None


async def test_a_request_id_comes_back_also_where_nothing_is_followed() -> None:
    async with local_server() as server:
        answer = await server.api.request("GET", "/healthz", headers={"X-Request-ID": "probe-1"})

    assert answer.headers["x-request-id"] == "probe-1"


async def _ended(tracer: RecordingTracer, name: str) -> RecordedSpan:
    await eventually(lambda: tracer.named(name) and tracer.one(name).num_ends)
    return tracer.one(name)


async def _pipelined(port: int, count: int) -> int:
    """Publish so often over one connection, without waiting in between. Returns how many were answered with 200."""
    body = b'{"channel":"news","data":1}'
    head = (
        f"POST /api/publish HTTP/1.1\r\nHost: x\r\nX-API-Key: {API_KEY}\r\nContent-Length: {len(body)}\r\n"
        f"traceparent: {SAMPLED['traceparent']}\r\n\r\n"
    )
    reader, writer = await asyncio.open_connection(HOST, port)
    answered = 0
    async with asyncio.timeout(6 * PATIENCE_S):
        for _ in range(count // 100):
            writer.write((head.encode() + body) * 100)
            for _ in range(100):
                answered += (await reader.readuntil(b"}}")).startswith(b"HTTP/1.1 200")
    writer.close()
    await writer.wait_closed()
    return answered
