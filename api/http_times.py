"""How long requests take, by method, route template and class of status: three closed sets, whatever is asked for."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from api.tracing_middleware import METHODS, OTHER_METHOD
from hub.histogram import Histogram

if TYPE_CHECKING:
    from aiohttp.typedefs import Handler, Middleware

    from hub.hub import Hub

NO_ROUTE: Final = "-"
"""All paths that are not ours, and methods that a path of ours does not have."""

_GONE: Final = 0
_UPGRADED: Final = 101


class HttpTimes:
    """Feeds `hub.histograms`. A WebSocket is no request here: it lasts for hours; one that is refused is."""

    def __init__(self, hub: Hub) -> None:
        self._histograms = hub.histograms
        self._monotonic_s = hub.clock.monotonic_s
        self._known: dict[tuple[str, web.AbstractResource | None, int], Histogram] = {}

    def middleware(self) -> Middleware:
        monotonic_s, observe = self._monotonic_s, self.observe

        @web.middleware
        async def measure(request: web.Request, handler: Handler) -> web.StreamResponse:
            started_s = monotonic_s()
            status = 500
            try:
                response = await handler(request)
                status = response.status
            except web.HTTPException as exc:
                status = exc.status
                raise
            except (ConnectionError, asyncio.CancelledError):
                status = _GONE
                raise
            finally:
                observe(request, status, monotonic_s() - started_s)
            return response

        return measure

    def observe(self, request: web.Request, status: int, seconds: float) -> None:
        """One request that has been answered."""
        if status in (_UPGRADED, _GONE):
            return
        method = request.method if request.method in METHODS else OTHER_METHOD
        key = method, request.match_info.route.resource, status // 100
        histogram = self._known.get(key) or self._add(*key)
        histogram.observe(seconds)

    def _add(self, method: str, resource: web.AbstractResource | None, status_class: int) -> Histogram:
        route = NO_ROUTE if resource is None else resource.canonical
        name = f"http_request_s.{method}|{route}|{status_class}xx"
        histogram = self._histograms.setdefault(name, Histogram())  # both applications may have the route
        self._known[method, resource, status_class] = histogram
        return histogram
