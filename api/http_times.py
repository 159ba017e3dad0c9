"""How long requests take, by method, route template and class of status: three closed sets, whatever is asked for.

They begin in a plain function around the application, and end where aiohttp would write an access log. A coroutine
around each request, as a middleware is, costs some 2 µs more, a twentieth of a publication over HTTP
(docs/adr/0041-metrics.md). aiohttp's own figure is the loop's clock, which uvloop lets stand still within a tick.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from api.tracing_middleware import METHODS, OTHER_METHOD
from hub.histogram import DURATION_BOUNDS_S, Histogram

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from aiohttp.typedefs import Handler

    from hub.hub import Hub

NO_ROUTE: Final = "-"
"""All paths that are not ours, methods that a path of ours does not have, and what cannot be read as a request."""

_STARTED: Final = web.RequestKey("syncline.started_s", float)

_UPGRADED: Final = 101


class HttpTimes:
    """Feeds `hub.histograms`. A WebSocket is no request here: it lasts for hours; one that is refused is."""

    def __init__(self, hub: Hub) -> None:
        self._histograms = hub.histograms
        self._monotonic_s = hub.clock.monotonic_s
        self._upgraded = Histogram()  # of WebSockets, which nobody reads
        self._known: dict[tuple[str, web.AbstractResource | None, int], Histogram] = {}

    def around(self, handler: Handler) -> Handler:
        """For api.request_watching."""
        monotonic_s = self._monotonic_s

        def start(request: web.Request) -> Awaitable[web.StreamResponse]:
            request[_STARTED] = monotonic_s()
            return handler(request)

        return start

    def access_logger(self) -> type[AbstractAccessLogger]:
        """For a runner: aiohttp makes one for each connection, and tells it of each answer that it has written.

        Whose client has gone meanwhile is not told of.
        """
        known, find, monotonic_s = self._known, self._find, self._monotonic_s

        class Answers(AbstractAccessLogger):
            __slots__ = ()

            def log(self, request: web.BaseRequest, response: web.StreamResponse, time: float) -> None:  # noqa: ARG002  # aiohttp's
                """All in one function: between two requests the caches forget it, and each call costs 0.3 µs then."""
                assert isinstance(request, web.Request), "all of ours are"
                try:
                    resource = request.match_info.route.resource
                    seconds = monotonic_s() - request[_STARTED]
                except (AssertionError, AttributeError, KeyError):  # it could not be read, so it was never routed
                    resource, seconds = None, 0.0
                status = response.status
                histogram = known.get((request.method, resource, status // 100)) or find(request, resource, status)
                histogram.counts[bisect_left(DURATION_BOUNDS_S, seconds)] += 1
                histogram.total += seconds

        return Answers

    def _find(self, request: web.BaseRequest, resource: web.AbstractResource | None, status: int) -> Histogram:
        if status == _UPGRADED:
            return self._upgraded
        method = request.method if request.method in METHODS else OTHER_METHOD
        route = NO_ROUTE if resource is None else resource.canonical
        name = f"http_request_s.{method}|{route}|{status // 100}xx"
        histogram = self._histograms.setdefault(name, Histogram())  # both applications may have the route
        self._known[method, resource, status // 100] = histogram
        return histogram
