"""One span per request, one decision per request, and nothing of a request that is left behind it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from unittest.mock import AsyncMock

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from api.config import EdgeConfig
from api.request_id import MAX_CHARS
from api.request_watching import watch_requests
from api.response_headers import complete_responses
from api.tracing_middleware import RequestTracing, parent_of, untraced_routes
from hub.tracing import CURRENT, UNSAMPLED, Kind, TraceContext
from tests.support.tracer import RecordingTracer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp.typedefs import Handler

TRACE, SPAN = "a" * 32, "b" * 16
SAMPLED = f"00-{TRACE}-{SPAN}-01"

Seen = list[TraceContext | None]


class World:
    """An application behind the middleware, and what its handlers saw as their context."""

    def __init__(self) -> None:
        self.tracer = RecordingTracer(samples=False)
        self.seen: Seen = []
        app = self.app = web.Application()
        complete_responses(app)
        app.router.add_get("/healthz", self._handle)
        app.router.add_get("/ui/{file}", self._handle)
        app.router.add_post("/ui/{file}", self._handle)
        app.router.add_route("*", "/things/{name}", self._handle)
        app.router.add_get("/refused", self._refuse)
        app.router.add_get("/broken", self._break)
        app.router.add_get("/unavailable", self._say_unavailable)
        app.router.add_get("/gone", self._lose)
        app.add_subapp("/v1", self._part())
        self.server = TestServer(app)
        self.before: Seen = []

    async def __aenter__(self) -> World:
        self.client = TestClient(self.server)
        await self.client.start_server()
        tracing = RequestTracing(self.app, self.tracer, ("/healthz", "/ui*"), lambda asked: "X-Key" in asked.headers)
        assert isinstance(self.server.runner, web.AppRunner)
        watch_requests(self.server.runner, [self._watched, tracing.around])
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.close()

    async def ask(self, path: str, method: str = "GET", headers: object = None) -> int:
        async with self.client.request(method, path, headers=headers) as response:  # type: ignore[arg-type]  # as aiohttp takes them
            await response.read()
            return response.status

    def _watched(self, handler: Handler) -> Handler:
        """Outside of what is tested."""

        async def watch(request: web.Request) -> web.StreamResponse:
            self.before.append(CURRENT.get())
            return await handler(request)

        return watch

    def _part(self) -> web.Application:
        part = web.Application()
        part.router.add_get("/sessions/{sid}", self._handle)
        return part

    async def _handle(self, request: web.Request) -> web.Response:
        await asyncio.sleep(0)
        self.seen.append(CURRENT.get())
        return web.Response(text="fine")

    async def _refuse(self, request: web.Request) -> web.Response:
        raise web.HTTPForbidden

    async def _break(self, request: web.Request) -> web.Response:
        raise LookupError("hunter2")

    async def _say_unavailable(self, request: web.Request) -> web.Response:
        return web.Response(status=503)

    async def _lose(self, request: web.Request) -> web.Response:
        raise ConnectionResetError


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


async def test_a_request_that_is_not_drawn_makes_no_span_and_nothing_below_it_begins_a_trace(world: World) -> None:
    assert await world.ask("/things/1") == 200

    assert world.seen == [UNSAMPLED]
    assert world.tracer.num_asked == 1
    assert not world.tracer.spans


async def test_one_that_is_drawn_is_a_span_with_the_route_and_never_the_path(world: World) -> None:
    world.tracer.samples = True
    await world.ask("/things/hunter2?token=hunter3")

    span = world.tracer.one("GET /things/{name}")
    assert span.kind is Kind.SERVER
    assert span.parent is None
    assert span.num_ends == 1
    assert span.error == ""
    assert world.seen == [span.context]
    assert span.attributes == {
        "http.request.method": "GET",
        "http.route": "/things/{name}",
        "url.path": "/things/{name}",
        "url.scheme": "http",
        "http.response.status_code": 200,
    }


async def test_a_parent_that_is_not_sampled_costs_no_look_at_the_routes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy in front may send one with every request."""
    resolve = AsyncMock(side_effect=world.app.router.resolve)
    monkeypatch.setattr(world.app.router, "resolve", resolve)
    await world.ask("/things/1", headers={"traceparent": SAMPLED[:-1] + "0"})
    assert resolve.await_count == 1, "the application's own"
    assert world.seen == [TraceContext(TRACE, SPAN, is_sampled=False)]


async def test_a_sampled_parent_is_followed_without_a_draw(world: World) -> None:
    await world.ask("/v1/sessions/77", headers={"traceparent": SAMPLED, "tracestate": "vendor=1"})

    span = world.tracer.one("GET /v1/sessions/{sid}")
    assert span.parent == TraceContext(TRACE, SPAN, True, "vendor=1")
    assert world.tracer.num_asked == 0


async def test_a_parent_that_is_not_sampled_is_respected_and_its_ids_are_kept_for_logs(world: World) -> None:
    world.tracer.samples = True
    await world.ask("/things/1", headers={"traceparent": f"00-{TRACE}-{SPAN}-00"})

    assert world.seen == [TraceContext(TRACE, SPAN, is_sampled=False)]
    assert world.tracer.num_asked == 0
    assert not world.tracer.spans


async def test_parents_beyond_the_bound_are_not_followed(world: World) -> None:
    world.tracer.allowed = 3
    for _ in range(10):
        await world.ask("/things/1", headers={"traceparent": SAMPLED})

    assert len(world.tracer.spans) == 3
    assert world.seen[3:] == [TraceContext(TRACE, SPAN, is_sampled=False)] * 7


@pytest.mark.parametrize(
    ("traceparent", "is_parent"),
    [
        (SAMPLED, True),
        (f"00-{TRACE}-{SPAN}-03", True),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"01-{TRACE}-{SPAN}-01-more", True),
        ("garbage", False),
        ("", False),
        (SAMPLED.upper(), False),
        (SAMPLED + "-more", False),
        (SAMPLED + "0" * 5_000, False),
        (f"ff-{TRACE}-{SPAN}-01", False),
        (f"00-{'0' * 32}-{SPAN}-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
    ],
)
async def test_what_is_no_context_is_as_none_and_is_drawn_for(world: World, traceparent: str, is_parent: bool) -> None:
    world.tracer.samples = True
    await world.ask("/things/1", headers={"traceparent": traceparent})

    (span,) = world.tracer.spans
    assert (span.parent is not None) is is_parent
    assert world.tracer.num_asked == (0 if is_parent else 1)
    assert (span.context.trace_id == TRACE) is is_parent


async def test_two_parents_are_none(world: World) -> None:
    headers = CIMultiDict([("traceparent", SAMPLED), ("traceparent", SAMPLED)])
    await world.ask("/things/1", headers=headers)

    assert world.seen == [UNSAMPLED]
    assert world.tracer.num_asked == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(["traceparent", "tracestate"]), st.one_of(st.just(SAMPLED), st.text(max_size=80))),
        max_size=4,
    )
)
def test_reading_headers_never_fails(headers: list[tuple[str, str]]) -> None:
    parent = parent_of(CIMultiDictProxy(CIMultiDict(headers)))

    assert parent is None or (parent.trace_id, parent.span_id) == (TRACE, SPAN)


async def test_several_states_are_one(world: World) -> None:
    headers = CIMultiDict([("traceparent", SAMPLED), ("tracestate", "a=1"), ("tracestate", "b=2")])
    await world.ask("/things/1", headers=headers)

    parent = world.tracer.spans[0].parent
    assert parent is not None
    assert parent.state == "a=1,b=2"


async def test_on_one_connection_no_request_sees_the_context_of_the_one_before(world: World) -> None:
    async with aiohttp.TCPConnector(limit=1) as connector, aiohttp.ClientSession(connector=connector) as session:
        for number in range(20):
            headers = {"traceparent": SAMPLED} if number % 2 else {}
            async with session.get(world.server.make_url("/things/1"), headers=headers) as response:
                await response.read()

    assert world.before == [None] * 20
    followed = [context is not None and context.is_sampled for context in world.seen]
    assert followed == [bool(number % 2) for number in range(20)]


async def test_a_path_without_route_is_told_by_its_method_alone(world: World) -> None:
    world.tracer.samples = True
    assert await world.ask("/secret/path") == 404

    span = world.tracer.one("GET")
    assert span.attributes == {"http.request.method": "GET", "url.scheme": "http", "http.response.status_code": 404}
    assert span.error == ""


async def test_methods_beside_those_of_http_share_a_name(world: World) -> None:
    world.tracer.samples = True
    await world.ask("/things/1", method="PROPFIND")

    span = world.tracer.one("HTTP /things/{name}")
    assert span.attributes["http.request.method"] == "_OTHER"


@pytest.mark.parametrize(
    ("path", "status", "error"), [("/refused", 403, ""), ("/unavailable", 503, "503"), ("/broken", 500, "LookupError")]
)
async def test_what_went_wrong_here_is_an_error_and_what_was_refused_is_none(
    world: World, path: str, status: int, error: str
) -> None:
    world.tracer.samples = True
    assert await world.ask(path) == status

    (span,) = world.tracer.spans
    assert (span.error, span.detail, span.num_ends) == (error, "", 1)
    assert span.attributes.get("http.response.status_code") == (None if error == "LookupError" else status)


async def test_a_client_that_went_is_no_error(world: World) -> None:
    world.tracer.samples = True
    await world.ask("/gone")

    (span,) = world.tracer.spans
    assert (span.error, span.num_ends) == ("", 1)


@pytest.mark.parametrize(
    ("method", "path", "count"), [("GET", "/healthz", 0), ("GET", "/ui/x", 0), ("POST", "/ui/x", 1)]
)
async def test_probes_and_whoever_looks_on_make_no_spans(world: World, method: str, path: str, count: int) -> None:
    await world.ask(path, method, {"traceparent": SAMPLED})

    assert len(world.tracer.spans) == count
    assert all(context is not None for context in world.seen)


def test_the_console_its_reads_probes_and_metrics_are_not_followed() -> None:
    assert set(untraced_routes(EdgeConfig())) == {
        *("/healthz", "/readyz", "/startupz", "/health"),
        *("/metrics", "/console*", "/v1/ops/*"),
    }


# --- X-Request-ID -----------------------------------------------------------------------------------------------------


async def request_id(world: World, given_id: str | None) -> str | None:
    headers = {} if given_id is None else {"X-Request-ID": given_id}
    async with world.client.get("/things/1", headers=headers) as response:
        return response.headers.get("X-Request-ID")


async def test_a_request_id_comes_back_and_is_in_the_span(world: World) -> None:
    world.tracer.samples = True

    assert await request_id(world, "order-77") == "order-77"
    assert world.tracer.spans[0].attributes["syncline.request_id"] == "order-77"


@pytest.mark.parametrize("given_id", ["x" * (MAX_CHARS + 1), "caf\u00e9", ""])
async def test_one_that_nobody_should_repeat_is_replaced_by_one_new_one(world: World, given_id: str) -> None:
    world.tracer.samples = True
    answered = await request_id(world, given_id)

    assert answered is not None
    assert answered != given_id
    assert len(answered) == 36
    assert world.tracer.spans[0].attributes["syncline.request_id"] == answered


async def test_without_one_there_is_none(world: World) -> None:
    assert await request_id(world, None) is None


async def test_whoever_has_no_key_is_a_stranger(world: World) -> None:
    await world.ask("/things/1", headers={"traceparent": SAMPLED, "X-Key": "ours"})
    assert world.tracer.num_strangers == 0
    await world.ask("/things/1", headers={"traceparent": SAMPLED})
    assert world.tracer.num_strangers == 1
