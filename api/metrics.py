"""The endpoint that Prometheus reads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from aiohttp import web

from observability.metrics.exposition import render

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from observability.metrics.snapshot import Snapshot

    Collect = Callable[[], Awaitable[Mapping[str, Snapshot]]]

MAX_AT_ONCE: Final = 4
"""Scrapes under way; more are refused, so that nobody can make the node do nothing else."""

RETRY_AFTER_S: Final = 1


class MetricsEndpoint:
    """Everything that the node, and its siblings on this machine, count.

    The loop takes a snapshot, a thread makes the text: a scrape holds up nobody for more than a millisecond.

    Args:
        collect: the snapshots, by worker (observability.metrics.families).
    """

    def __init__(self, path: str, collect: Collect) -> None:
        self._path = path
        self._collect = collect
        self._num_running = self._num_served = self._num_refused = 0

    def add_routes(self, app: web.Application) -> None:
        app.router.add_get(self._path, self.handle)

    def measures(self) -> dict[str, float]:
        """Counters, by name."""
        return {"metrics_scrapes": self._num_served, "metrics_scrapes_refused": self._num_refused}

    async def handle(self, request: web.Request) -> web.Response:
        if self._num_running >= MAX_AT_ONCE:
            self._num_refused += 1
            raise web.HTTPServiceUnavailable(headers={"Retry-After": str(RETRY_AFTER_S)})
        self._num_running += 1
        try:
            snapshots = await self._collect()
            accept = ",".join(request.headers.getall("Accept", []))
            body, content_type = await asyncio.to_thread(render, snapshots, accept)
        finally:
            self._num_running -= 1
        self._num_served += 1
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
