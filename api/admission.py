"""Who may open a live connection at all: origin, total number, rate, and whether this node still takes new ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from api.origins import Origins
from api.rest.pages import is_own
from hub.rate_limit import Bucket, Rate

if TYPE_CHECKING:
    from api.config import WebSocketConfig
    from hub.clock import Clock

DRAINING_RETRY_AFTER_S = 1

SERVES_PAGE = web.AppKey("syncline.serves_page", bool)
"""Of an application that serves the console: pages of its own host may connect as well."""


class Admission:
    """Decides before any work is done for the newcomer; a refused one gets 403 or 503 with Retry-After."""

    def __init__(self, config: WebSocketConfig, clock: Clock) -> None:
        self._origins = Origins(config.allowed_origins)
        self._limit = config.connection_limit
        self._clock = clock
        per_s = config.connection_rate_limit_per_s
        self._bucket = Bucket(Rate(per_s, max(1, int(per_s)))) if per_s else None
        self.num_open = 0
        self.num_refused = 0
        self.is_closed = False

    def close(self) -> None:
        """Take no more connections: the node drains."""
        self.is_closed = True

    def enter(self, request: web.Request) -> None:
        """Take a place for one connection; `leave` gives it back.

        Raises:
            web.HTTPForbidden: the page's origin is not allowed.
            web.HTTPServiceUnavailable: draining, full, or too many at once.
        """
        self._check_origin(request)
        self._check_room()
        self.num_open += 1

    def leave(self) -> None:
        self.num_open -= 1

    def _check_origin(self, request: web.Request) -> None:
        origins = request.headers.getall("Origin", [])
        if not self._origins.allow(origins) and not _is_own_page(request, origins):
            self.num_refused += 1
            raise web.HTTPForbidden(text="origin not allowed: add it to client.allowed_origins")

    def _check_room(self) -> None:
        if self.is_closed:
            self._refuse("draining", DRAINING_RETRY_AFTER_S)
        if self._limit and self.num_open >= self._limit:
            self._refuse("connection limit", DRAINING_RETRY_AFTER_S)
        now_s = self._clock.monotonic_s()
        if self._bucket is not None and not self._bucket.take(now_s):
            self._refuse("connection rate limit", 1 + int(self._bucket.retry_after_s(now_s)))

    def _refuse(self, why: str, retry_after_s: int) -> None:
        self.num_refused += 1
        raise web.HTTPServiceUnavailable(text=why, headers={"Retry-After": str(retry_after_s)})


def _is_own_page(request: web.Request, origins: list[str]) -> bool:
    return request.app.get(SERVES_PAGE, False) and len(origins) == 1 and is_own(request, origins[0])
