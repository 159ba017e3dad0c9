"""How long requests take, by method, route template and class of status: three closed sets, whatever is asked for.

From the head of a request until the head of its answer: a stream has no other end that says anything. They begin in a
plain function around the application and end in the signal that completes every answer. A coroutine of its own around
each request, as a middleware is, costs some 2 µs more, a twentieth of a publication over HTTP
(docs/adr/0041-metrics.md).
"""

from __future__ import annotations

from bisect import bisect_left
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from aiohttp import web

from api.tracing_middleware import METHODS, OTHER_METHOD
from hub.histogram import DURATION_BOUNDS_S, Histogram

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiohttp.typedefs import Handler

    from hub.hub import Hub

NO_ROUTE: Final = "-"
"""All paths that are not ours, and methods that a path of ours does not have."""

_STARTED_S: ContextVar[float] = ContextVar("request_started_s")
"""Nobody resets it: every request has a task of its own."""


class HttpTimes:
    """Feeds `hub.histograms`. A WebSocket is no request here; one that is refused is."""

    def __init__(self, hub: Hub) -> None:
        self._histograms = hub.histograms
        self._monotonic_s = hub.clock.monotonic_s
        self._known: dict[tuple[str, web.AbstractResource | None, int], Histogram] = {}

    def around(self, handler: Handler) -> Handler:
        """For api.request_watching."""
        monotonic_s = self._monotonic_s

        def start(request: web.Request) -> Awaitable[web.StreamResponse]:
            _STARTED_S.set(monotonic_s())
            return handler(request)

        return start

    def observe(self, request: web.Request, status: int) -> None:
        """One answer, for api.response_headers.

        All in one function: between two requests the caches forget it, and each call costs 0.3 µs then.
        """
        resource = request.match_info.route.resource
        histogram = self._known.get((request.method, resource, status // 100)) or self._find(request, resource, status)
        seconds = self._monotonic_s() - _STARTED_S.get()
        histogram.counts[bisect_left(DURATION_BOUNDS_S, seconds)] += 1
        histogram.total += seconds

    def _find(self, request: web.Request, resource: web.AbstractResource | None, status: int) -> Histogram:
        method = request.method if request.method in METHODS else OTHER_METHOD
        route = NO_ROUTE if resource is None else resource.canonical
        name = f"http_request_s.{method}|{route}|{status // 100}xx"
        histogram = self._histograms.setdefault(name, Histogram())  # both applications may have the route
        self._known[method, resource, status // 100] = histogram
        return histogram
