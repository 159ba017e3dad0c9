"""One span per HTTP request, and the context of the request for everything below it.

Whether a request is followed is decided here, once: by its `traceparent`, or at random. Most are not, and for those
this is a look at a header, a countdown and a context variable. The upgrade of a WebSocket is a span that ends with the
101; what the connection does afterwards has its own spans, linked to this one (reliability.md, O1 and O3).

Names are OpenTelemetry's semantic conventions for HTTP. No query string, no value of a path's variables, and no path
that is not ours is ever told.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from api.request_id import request_id_of
from api.request_watching import STARTED_S
from api.upgrade import on_upgrade
from hub.tracing import CURRENT, TRACEPARENT, TRACESTATE, UNSAMPLED, Kind, parse_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from aiohttp.typedefs import Handler
    from multidict import CIMultiDictProxy

    from api.config import EdgeConfig
    from hub.tracing import Attribute, Span, TraceContext, Tracer

METHODS: Final = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"})

_READING: Final = frozenset({"GET", "HEAD"})

OTHER_METHOD: Final = "_OTHER"
"""As the conventions call a method that is none."""

HANDSHAKE: Final = "handshake websocket"

SWITCHING_PROTOCOLS: Final = 101

_LEAST_ERROR: Final = 500


def untraced_routes(config: EdgeConfig) -> tuple[str, ...]:
    """What is asked all the time by machines, and what operators look at: a console that follows itself sees nothing
    else."""
    return (
        *("/healthz", "/readyz", "/startupz", config.health.handler_prefix),
        config.metrics.handler_prefix,
        *(f"{config.console.handler_prefix}*", "/v1/ops/*"),
    )


class RequestTracing:
    """Follows the requests of one application, from before its routing on.

    Args:
        untraced: routes that make no spans when they are read, such as those of probes; one that ends with `*` stands
            for whatever begins so.
        is_known: whether a request bears the key of a backend; all others share what is there for strangers.
    """

    def __init__(
        self,
        app: web.Application,
        tracer: Tracer,
        untraced: Iterable[str] = (),
        is_known: Callable[[web.Request], bool] = lambda _: False,
    ) -> None:
        self._app = app
        self._tracer = tracer
        self._is_known = is_known
        paths = [path for path in untraced if path]
        self._untraced = frozenset(paths)
        self._untraced_beginnings = tuple(path[:-1] for path in paths if path.endswith("*"))

    def around(self, handler: Handler, monotonic_s: Callable[[], float] | None = None) -> Handler:
        """For api.request_watching, not for the application: the route is looked up here where it is needed.

        Args:
            monotonic_s: takes the time of each request for api.http_times, which saves a call of its own.
        """
        samples_root, follow = self._tracer.samples_root, self._follow

        def trace(request: web.Request) -> Awaitable[web.StreamResponse]:
            if monotonic_s is not None:
                STARTED_S.set(monotonic_s())
            if TRACEPARENT in request.headers or samples_root():
                return follow(request, handler)
            # Nobody resets it: every request sets its own, in a task of its own. A coroutine more, which could reset
            # it, would cost as much as all the rest here.
            CURRENT.set(UNSAMPLED)
            return handler(request)

        return trace

    async def _follow(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        span, context = await self._begin(request)
        token = CURRENT.set(context)
        try:
            return await (handler(request) if span is None else _answered(request, handler, span))
        finally:
            CURRENT.reset(token)

    async def _begin(self, request: web.Request) -> tuple[Span | None, TraceContext]:
        """The request's span, and its context; one that is not followed keeps its parent's ids, for logs."""
        parent = parent_of(request.headers)
        if parent is not None and not parent.is_sampled:  # all there is behind a proxy that samples little
            return None, parent
        route = await self._route(request)
        if self._is_untraced(request, route) or not self._is_followed(parent, request):
            return None, UNSAMPLED if parent is None else parent._replace(is_sampled=False)
        span = self._tracer.start_span(_name(request, route), Kind.SERVER, parent, _attributes(request, route))
        return span, span.context

    def _is_followed(self, parent: TraceContext | None, request: web.Request) -> bool:
        if parent is not None:
            return self._tracer.follows(parent, is_stranger=not self._is_known(request))
        # A header that is no context is as none, and this request has not been drawn for. Without one it has.
        return TRACEPARENT not in request.headers or self._tracer.samples_root()

    async def _route(self, request: web.Request) -> str | None:
        """The template of the path, such as `/v1/sessions/{sid}`; None where no route matches."""
        match = await self._app.router.resolve(request)
        resource = match.route.resource
        return None if resource is None else resource.canonical

    def _is_untraced(self, request: web.Request, route: str | None) -> bool:
        if route is None or request.method not in _READING:
            return False
        return route in self._untraced or route.startswith(self._untraced_beginnings)


def parent_of(headers: CIMultiDictProxy[str]) -> TraceContext | None:
    """What the caller says; None for nothing, for what cannot be read, and for two that contradict each other."""
    parents = headers.getall(TRACEPARENT, [])
    if len(parents) != 1:
        return None
    return parse_context(parents[0], ",".join(headers.getall(TRACESTATE, [])))


class _Answer:
    """How a request went, told to its span once: an upgraded one is over long before its handler."""

    def __init__(self, span: Span) -> None:
        self._span: Span | None = span

    def upgraded(self) -> None:
        self.answered(SWITCHING_PROTOCOLS)

    def answered(self, status: int) -> None:
        span, self._span = self._span, None
        if span is None:
            return
        span.set("http.response.status_code", status)
        if status >= _LEAST_ERROR:
            span.fail(str(status))
        span.end()

    def failed(self, exc: BaseException) -> None:
        """Without an answer. A client that has gone is nothing that is wrong here."""
        span, self._span = self._span, None
        if span is None:
            return
        if not isinstance(exc, ConnectionError):
            span.fail("cancelled" if isinstance(exc, asyncio.CancelledError) else type(exc).__qualname__)
        span.end()


async def _answered(request: web.Request, handler: Handler, span: Span) -> web.StreamResponse:
    """The handler's answer, which its span tells of."""
    answer = _Answer(span)
    on_upgrade(request, answer.upgraded)
    try:
        response = await handler(request)
    except web.HTTPException as exc:
        answer.answered(exc.status)
        raise
    except BaseException as exc:
        answer.failed(exc)
        raise
    answer.answered(response.status)
    return response


def _name(request: web.Request, route: str | None) -> str:
    if request.headers.get("Upgrade", "").lower() == "websocket" and route is not None:
        return HANDSHAKE
    method = request.method if request.method in METHODS else "HTTP"
    return method if route is None else f"{method} {route}"


def _attributes(request: web.Request, route: str | None) -> dict[str, Attribute]:
    """A path that is not ours may hold anything: it is not told. `url.path` is the template, variables masked."""
    attributes: dict[str, Attribute] = {
        "http.request.method": request.method if request.method in METHODS else OTHER_METHOD,
        "url.scheme": request.scheme,
    }
    if route is not None:
        attributes["http.route"] = attributes["url.path"] = route
    request_id = request_id_of(request)
    if request_id is not None:
        attributes["syncline.request_id"] = request_id
    return attributes
