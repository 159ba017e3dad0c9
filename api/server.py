"""The listeners of a node, and the way it leaves."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from aiohttp import web

from api.admission import SERVES_PAGE, Admission
from api.api_key import APIKey
from api.console import Console
from api.health import HealthChecks
from api.request_watching import watch_requests
from api.response_headers import complete_responses
from api.server_api import ServerAPI
from api.tracing_middleware import RequestTracing, untraced_routes
from api.websocket import WebSocketEdge
from hub.protocol.codes import SHUTDOWN

if TYPE_CHECKING:
    from api.config import EdgeConfig
    from api.events import EventsEndpoint
    from api.http_times import HttpTimes
    from api.metrics import MetricsEndpoint
    from api.request_watching import Around
    from api.rest.application import RestApplication
    from hub.connection import Connection
    from hub.hub import Hub
    from hub.tracing import Tracer

Extension = Callable[[web.Application], None]
"""Adds routes to the public application."""

logger = logging.getLogger(__name__)

BACKLOG = 4096
"""aiohttp's 128 refuses connections in a reconnect storm; the kernel caps it at somaxconn."""

KEEPALIVE_TIMEOUT_S = 15.0
"""Also the time a client has for the head of its request."""

LINGERING_S = 1.0
"""How long the rest of a body is read and thrown away when the answer is out before it (401, 408, 413)."""

CLOSES_PER_S = 1_000
"""A drain of few connections need not take the whole window."""

DRAIN_STEP_S = 0.05

HANDLER_GRACE_S = 2.0


class Server:
    """Serves one hub on one port, or on a public and an internal one.

    Args:
        rest: the REST API under `/v1`; None where accounts are off.
        storage_age_s: how long ago the storage has given a sign of life; None without a storage.
        engine_age_s: the same of an engine outside of this process.
        extend: adds routes to the public application (the demo).

    Attributes:
        events: takes CloudEvents beside the server API; set before the start, None where that is off.
        tracer: follows requests; set before the start, None where tracing is off.
        metrics, http_times: serve metrics, and measure requests; the same.
    """

    events: EventsEndpoint | None = None
    tracer: Tracer | None = None
    metrics: MetricsEndpoint | None = None
    http_times: HttpTimes | None = None

    def __init__(
        self,
        hub: Hub,
        config: EdgeConfig,
        loop_lag_s: Callable[[], float],
        *,
        rest: RestApplication | None = None,
        storage_age_s: Callable[[], float] | None = None,
        engine_age_s: Callable[[], float] = lambda: 0.0,
        extend: Extension | None = None,
    ) -> None:
        self._hub = hub
        self._config = config
        self.admission = Admission(config.websocket, hub.clock)
        self.health = HealthChecks(hub, config.health, loop_lag_s, storage_age_s, engine_age_s)
        self._rest = rest
        self._extend = extend
        hub.gauges["connections_open"] = lambda: self.admission.num_open
        hub.gauges["connections_refused"] = lambda: self.admission.num_refused
        self._runners: list[web.AppRunner] = []
        self._sites: list[web.TCPSite] = []

    async def start(self) -> None:
        """Listen. Raises OSError when an address cannot be had."""
        listen = self._config.listen
        public = self._application()
        internal = self._application() if listen.internal_port else public
        self._add_client_routes(public, has_internal=internal is public)
        if self._extend is not None:
            self._extend(public)
        self._add_internal_routes(internal)
        if self._config.console.is_enabled and self._rest is not None:
            self._add_console(internal)
        if internal is not public:
            self.health.add_status_routes(public)
            if self._config.console.is_enabled:
                self._add_client_routes(internal, has_internal=True)  # so that the page has one origin
        await self._listen(public, listen.address, listen.port)
        if internal is not public:
            await self._listen(internal, listen.internal_address or listen.address, listen.internal_port)
        self.health.started()

    async def drain(self) -> None:
        """Leave without losing anybody: readiness off, stop accepting, send connections away in their slots.

        Every connection gets 3001, on which SDKs reconnect by themselves; whoever is not gone by the deadline is cut.
        """
        drain = self._config.drain
        self.health.draining()
        logger.info("drain_started", extra={"connections": self._hub.registry.num_clients})
        try:
            async with asyncio.timeout(drain.timeout_s):
                await asyncio.sleep(drain.delay_s)
                self.admission.close()
                for site in self._sites:
                    await site.stop()
                await self._send_away(drain.window_s)
        except TimeoutError:
            logger.warning("drain_timed_out", extra={"connections": self.admission.num_open})
            for connection in list(self._hub.registry.opened):
                connection.transport.abort()
        logger.info("drain_finished")

    async def close(self) -> None:
        """Stop serving requests; what is in flight gets a moment to finish."""
        for runner in self._runners:
            await runner.cleanup()

    def _application(self) -> web.Application:
        app = web.Application(client_max_size=self._config.server_api.max_body_bytes)
        complete_responses(app, self.http_times)
        return app

    def _watchers(self, app: web.Application) -> list[Around]:
        """Nothing is there for what is off."""
        times = self.http_times
        if self.tracer is None:
            return [] if times is None else [times.around]
        is_known = APIKey(self._config.server_api).admits
        tracing = RequestTracing(app, self.tracer, untraced_routes(self._config), is_known)
        return [partial(tracing.around, monotonic_s=None if times is None else times.monotonic_s)]

    def _add_client_routes(self, app: web.Application, *, has_internal: bool) -> None:
        """What frontends use. The operators' part of REST is for the internal port, where there is one."""
        if not self._config.websocket.is_disabled:
            edge = WebSocketEdge(self._hub, self._config.websocket, self.admission)
            app.router.add_get(self._config.websocket.handler_prefix, edge.handle)
        if self._rest is not None:
            self._rest.mount(app, has_internal=has_internal)

    def _add_console(self, app: web.Application) -> None:
        app[SERVES_PAGE] = True
        Console(
            self._config.console.handler_prefix, self._config.websocket.handler_prefix, self._hub.config.version
        ).add_routes(app)

    def _add_internal_routes(self, app: web.Application) -> None:
        self.health.add_routes(app)
        if self.metrics is not None:
            self.metrics.add_routes(app)
        if not self._config.server_api.is_disabled:
            ServerAPI(self._hub, self._config.server_api).add_routes(app)
            if self.events is not None:
                self.events.add_routes(app)

    async def _listen(self, app: web.Application, address: str, port: int) -> None:
        runner = web.AppRunner(
            app,
            access_log=None,
            keepalive_timeout=KEEPALIVE_TIMEOUT_S,
            lingering_time=LINGERING_S,
            shutdown_timeout=HANDLER_GRACE_S,
        )
        await runner.setup()
        watch_requests(runner, self._watchers(app))
        self._runners.append(runner)
        # No host: all interfaces in both families; Node resolves localhost to ::1 first.
        site = web.TCPSite(
            runner, address or None, port, backlog=BACKLOG, reuse_port=self._config.listen.is_shared or None
        )
        await site.start()
        self._sites.append(site)
        # What the kernel gave: with port 0 it is not what was asked for.
        logger.info("listening", extra={"at": [f"{bound[0]} port {bound[1]}" for bound in runner.addresses]})

    async def _send_away(self, window_s: float) -> None:
        leaving = list(self._hub.registry.opened)
        random.shuffle(leaving)
        steps = max(1, int(min(window_s, len(leaving) / CLOSES_PER_S) / DRAIN_STEP_S))
        for step in range(steps):
            _close(leaving[step::steps])
            await asyncio.sleep(DRAIN_STEP_S)
        while self.admission.num_open:
            # Those whose upgrade was under way when the list was made.
            _close(list(self._hub.registry.opened))
            await asyncio.sleep(DRAIN_STEP_S)


def _close(connections: list[Connection]) -> None:
    for connection in connections:
        connection.close(SHUTDOWN)
