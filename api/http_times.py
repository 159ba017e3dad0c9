"""How long requests take, by method, route template and class of status: three closed sets, whatever is asked for.

From the head of a request until the head of its answer: a stream has no other end that says anything. They begin in a
plain function around the application and end in the signal that completes every answer. A coroutine of its own around
each request, as a middleware is, costs some 2 µs more, a twentieth of a publication over HTTP, and what follows an
answer to its histogram costs as much: so of a busy node's successes one in eight is looked at, and counts for eight
(docs/adr/0041-metrics.md).
"""

from __future__ import annotations

from bisect import bisect_left
from itertools import chain, cycle, repeat
from typing import TYPE_CHECKING, Final

from aiohttp import web

from api.request_watching import STARTED_S
from api.tracing_middleware import METHODS, OTHER_METHOD
from hub.histogram import DURATION_BOUNDS_S, Histogram

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp.typedefs import Handler

    from hub.hub import Hub

NO_ROUTE: Final = "-"
"""All paths that are not ours, and methods that a path of ours does not have."""

BUSY_PER_S: Final = 2_000
"""Below, every request is looked at."""

WEIGHT: Final = 8
"""How many successes one stands for, above. Whatever is no success is always looked at, and counts once."""

REVIEW_EVERY: Final = 256
"""After so many that were looked at, it is decided anew whether the node is busy."""

FIRST_FAILURE: Final = 400
"""The least status that is no success."""


class HttpTimes:
    """Feeds `hub.histograms`. A WebSocket is no request here; one that is refused is.

    Attributes:
        is_due: whether the next success is looked at. Hot: an iterator in C.
    """

    is_due: Callable[[], bool]

    def __init__(self, hub: Hub) -> None:
        self._histograms = hub.histograms
        self.monotonic_s = hub.clock.monotonic_s
        self._known: dict[tuple[str, web.AbstractResource | None, int], Histogram] = {}
        self._num_until_review = REVIEW_EVERY
        self._reviewed_s = self.monotonic_s()
        self._weigh(1)

    def around(self, handler: Handler) -> Handler:
        """For api.request_watching, where nothing else takes the time."""
        monotonic_s = self.monotonic_s

        def start(request: web.Request) -> Awaitable[web.StreamResponse]:
            STARTED_S.set(monotonic_s())
            return handler(request)

        return start

    def observe(self, request: web.Request, status: int) -> None:
        """One answer that is looked at, for api.response_headers."""
        resource = request.match_info.route.resource
        histogram = self._known.get((request.method, resource, status // 100)) or self._find(request, resource, status)
        seconds = self.monotonic_s() - STARTED_S.get()
        weight = self._weight if status < FIRST_FAILURE else 1
        histogram.counts[bisect_left(DURATION_BOUNDS_S, seconds)] += weight
        histogram.total += seconds * weight
        self._num_until_review -= 1
        if not self._num_until_review:
            self._review()

    def _review(self) -> None:
        now_s = self.monotonic_s()
        per_s = REVIEW_EVERY * self._weight / max(now_s - self._reviewed_s, 1e-6)
        self._num_until_review, self._reviewed_s = REVIEW_EVERY, now_s
        weight = WEIGHT if per_s > BUSY_PER_S else 1
        if weight != self._weight:
            self._weigh(weight)

    def _weigh(self, weight: int) -> None:
        self._weight = weight
        one_in_so_many = cycle(chain((True,), repeat(False, weight - 1)))
        self.is_due = one_in_so_many.__next__

    def _find(self, request: web.Request, resource: web.AbstractResource | None, status: int) -> Histogram:
        method = request.method if request.method in METHODS else OTHER_METHOD
        route = NO_ROUTE if resource is None else resource.canonical
        name = f"http_request_s.{method}|{route}|{status // 100}xx"
        histogram = self._histograms.setdefault(name, Histogram())  # both applications may have the route
        self._known[method, resource, status // 100] = histogram
        return histogram
