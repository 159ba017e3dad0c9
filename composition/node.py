"""One node from its first resource to its last: engine, hub, platform, server; and the same way down."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import uuid
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from api.jwks_fetch import open_jwks_fetch
from api.rest.routes import RestServices, rest_application
from api.server import Server
from composition.engine import CannotOpenEngine, open_engine
from composition.error_reports import CannotReport, open_error_reports
from composition.logs import open_logs
from composition.measures import add_gauges, add_histograms
from composition.metrics import NodeMetrics, PushRefused, open_metrics
from composition.operations import NodeOperations, make_operator
from composition.platform import Platform, open_platform
from composition.relay import Relay, RelayRefused, open_relay
from composition.relay_reader import NodeRelays
from composition.tracing import NodeIdentity, NodeTracing, TracingRefused, open_tracing
from hub.clock import SystemClock
from hub.hub import Hub
from hub.supervisor import Supervisor
from observability.loop_lag import LoopLag
from observability.watchdog import Watchdog
from sessions.revocation_proof import RevocationProof
from storage.data_directory import DirectoryInUse, open_data_directory
from storage.database import CannotOpen, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from api.rest.application import RestApplication
    from api.server import Extension
    from composition.config import NodeConfig, PlatformConfig
    from composition.engine import NodeEngine
    from hub.clock import Clock
    from hub.tokens.jwks import Fetch
    from observability.config import ErrorReportsConfig, TracingConfig
    from observability.error_reports import ErrorReports
    from services.operations.ports import TraceStore
    from services.operations.service import Operations
    from storage.data_directory import DataDirectory

    Extend = Callable[[Hub], Extension | None]

logger = logging.getLogger(__name__)

EXIT_FAILURE: Final = 1

FLUSH_DEADLINE_S: Final = 2.0
"""What is committed and not published by then is published by the next start, or by another node."""

FLUSH_POLL_S: Final = 0.02


class StartFailed(Exception):
    """The node cannot start; the text tells the operator why."""


async def run_node(config: NodeConfig, stop: asyncio.Event, extend: Extend, on_started: Callable[[], None]) -> int:
    """Run until `stop` is set or a part of the node fails. Returns the exit code.

    Args:
        extend: what the public application gets beyond the API, made for the hub (the demo).
        on_started: called once it listens.
    """
    async with AsyncExitStack() as stack:
        node = _Node(config, stack)
        try:
            await node.start(extend)
        except StartFailed as exc:
            logger.error("cannot_start", extra={"detail": str(exc)})
            return EXIT_FAILURE
        on_started()
        _calm_garbage_collector()
        failure = await node.supervisor.run_until(stop)
        if failure is not None:
            logger.error("task_failed", exc_info=failure)
        await node.leave()
    return 0 if failure is None else EXIT_FAILURE


class _Node:
    """The parts, on a stack that closes them in reverse: storage and directory last."""

    supervisor: Supervisor

    def __init__(self, config: NodeConfig, stack: AsyncExitStack) -> None:
        self._config = config
        self._stack = stack
        self._clock: Clock = SystemClock()
        self._directory: DataDirectory | None = None
        self._platform: Platform | None = None
        self._traces: TraceStore | None = None

    async def start(self, extend: Extend) -> None:
        """Raises: StartFailed."""
        observability = self._config.observability
        self._lines = self._stack.enter_context(open_logs(observability.log, self._clock))
        self._errors = await self._open_error_reports(observability.errors)
        self._directory = await self._hold_directory()
        uid = str(uuid.uuid4())
        self._tracing = await self._open_tracing(observability.tracing, uid)
        self._engine = await self._open_engine(uid)
        fetch = await self._stack.enter_async_context(open_jwks_fetch())
        hub_config = replace(self._config.hub, lapse_after_s=self._engine.lapse_after_s)
        self._hub = Hub(hub_config, self._engine.engine, self._clock, fetch, uid=uid)
        if self._tracing is not None:
            self._hub.tracer, self._traces = self._tracing.tracer, self._tracing.memory
            add_gauges(self._hub, (self._tracing,))
        self._watchdog = Watchdog(self._clock)
        errors = [] if self._errors is None else [self._errors]
        add_gauges(self._hub, (self._engine, self._watchdog, *self._lines.measured(), *errors))
        if self._config.platform is not None:
            self._platform = await self._open_platform(self._config.platform, fetch)
            await make_operator(self._config.operator, self._platform.accounts)
        self._lines.observe(self._hub)
        self._relay = self._open_relay()
        self._metrics = await self._open_metrics()
        self.supervisor = await self._stack.enter_async_context(Supervisor())
        self._server = self._make_server(extend)
        await self._engine.ready()
        await self._listen()

    async def leave(self) -> None:
        """Drain, then let go of what is still on its way; the stack does the rest."""
        self._server.health.draining()
        await self._relay.stop_intake()  # first: what it still publishes reaches the connections that are here
        await self._server.drain()
        await self._server.close()
        if self._platform is not None:
            await _flush(self._platform)
        self._hub.is_leaving = True
        await self._engine.leave()
        if self._tracing is not None:
            self._tracing.begin_close()

    # --- parts ------------------------------------------------------------------------------------------------------

    async def _hold_directory(self) -> DataDirectory | None:
        """The data directory, ours until the stack unwinds."""
        path = self._config.data_dir
        if path is None:
            return None
        try:
            return await self._stack.enter_async_context(open_data_directory(path, self._config.edge.drain.timeout_s))
        except (DirectoryInUse, OSError) as exc:
            raise StartFailed(f"data directory: {exc}") from exc

    async def _open_error_reports(self, config: ErrorReportsConfig) -> ErrorReports | None:
        hub = self._config.hub
        try:
            return await self._stack.enter_async_context(
                open_error_reports(config, hub.node_name, hub.version, self._clock)
            )
        except CannotReport as exc:
            raise StartFailed(str(exc)) from exc

    async def _open_tracing(self, config: TracingConfig, uid: str) -> NodeTracing | None:
        """Before everything that makes spans, so that it is closed after it."""
        hub = self._config.hub
        identity = NodeIdentity(uid, hub.node_name, hub.version)
        try:
            return await self._stack.enter_async_context(open_tracing(config, self._clock, identity))
        except TracingRefused as exc:
            raise StartFailed(f"opentelemetry: {exc}") from exc

    async def _open_engine(self, uid: str) -> NodeEngine:
        try:
            return await self._stack.enter_async_context(open_engine(self._config, self._clock, self._directory, uid))
        except CannotOpenEngine as exc:
            raise StartFailed(str(exc)) from exc

    async def _open_platform(self, config: PlatformConfig, fetch: Fetch) -> Platform:
        try:
            return await self._stack.enter_async_context(open_platform(config, self._hub, self._clock, fetch))
        except (CannotOpen, StorageUnavailable) as exc:
            raise StartFailed(f"storage: {exc}") from exc

    def _open_relay(self) -> Relay:
        try:
            relay = open_relay(self._config.relay, self._config.edge, self._hub, self._clock)
        except RelayRefused as exc:
            raise StartFailed(str(exc)) from exc
        add_gauges(self._hub, (relay,))
        add_histograms(self._hub, self._engine.histograms() | relay.histograms())
        return relay

    async def _open_metrics(self) -> NodeMetrics:
        config = self._config
        may_push = config.observability.tracing.is_enabled
        opening = open_metrics(self._hub, config.edge.metrics, config.worker, may_push=may_push)
        try:
            return await self._stack.enter_async_context(opening)
        except PushRefused as exc:
            raise StartFailed(f"opentelemetry: {exc}") from exc

    def _make_server(self, extend: Extend) -> Server:
        """Start every task, and build what listens."""
        loop, lag = asyncio.get_running_loop(), LoopLag()

        def lag_s() -> float:
            return lag.current_s(loop.time())

        add_gauges(self._hub, (lag,))
        add_histograms(self._hub, {"loop_delay_s": lag.histogram})
        seen = self._operations = self._open_operations(lag_s)
        tasks = [*self._engine.tasks(), *self._hub.tasks(), *self._relay.tasks(), *self._lines.tasks()]
        tasks += [("loop_lag", lag.run()), ("watchdog", self._watchdog.run()), *self._metrics.tasks()]
        platform = self._platform
        if platform is not None:
            tasks += [*platform.tasks(), self._revocation_proof(platform)]
            tasks += seen.tasks() if self._config.edge.console.is_enabled else []
        for name, work in tasks:
            self.supervisor.start(name, work)
        server = Server(
            self._hub,
            self._config.edge,
            lag_s,
            rest=None if platform is None else self._rest(platform),
            engine_age_s=self._engine.age_s,
            storage_age_s=None if platform is None else platform.watch.age_s,
            extend=extend(self._hub),
        )
        server.events = self._relay.events
        server.tracer = self._hub.tracer
        server.metrics, server.http_times = self._metrics.endpoint, self._metrics.http_times
        server.health.consumers = self._relay.health
        seen.local.health = server.health.report
        return server

    def _open_operations(self, lag_s: Callable[[], float]) -> NodeOperations:
        outbox = None if self._platform is None else self._platform.outbox
        relays = NodeRelays(self._hub, self._config.relay, self._relay, outbox)
        operations = NodeOperations(self._hub, lag_s, relays=relays, traces=self._traces, logs=self._lines.memory)
        add_gauges(self._hub, (operations,))
        return operations

    def _revocation_proof(self, platform: Platform) -> tuple[str, Coroutine[object, object, None]]:
        proof = RevocationProof(self._hub, platform.sessions.revocations_age_s, self._engine.told_age_s)
        add_gauges(self._hub, (proof,))
        return "sessions.proof", proof.run()

    def _rest(self, platform: Platform) -> RestApplication:
        assert self._config.platform is not None, "a platform has a configuration"
        services = RestServices(
            accounts=platform.accounts,
            sessions=platform.sessions,
            documents=platform.documents,
            audit=platform.audit,
            keys=platform.keys,
            logout=platform.logout,
            events=platform.events,
            max_document_bytes=self._config.platform.sessions.state.max_document_bytes,
            operations=self._console(platform),
        )
        rest = rest_application(services, self._config.edge.rest, self._clock)
        self._hub.gauges["rest_callers_forgotten"] = lambda: rest.limits.num_forgotten
        return rest

    def _console(self, platform: Platform) -> Operations | None:
        if not self._config.edge.console.is_enabled:
            return None
        return self._operations.open_console(platform, self._config.relay, self._config.settings)

    async def _listen(self) -> None:
        try:
            await self._server.start()
        except OSError as exc:
            await self._server.close()
            raise StartFailed(f"cannot listen: {exc}") from exc


async def _flush(platform: Platform) -> None:
    """Let events of what is committed go out before the engine is handed over."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(FLUSH_DEADLINE_S):
            while platform.num_unpublished:  # noqa: ASYNC110  # neither tells anybody when it is empty
                await asyncio.sleep(FLUSH_POLL_S)


def _calm_garbage_collector() -> None:
    """Collect cycles rarely: what a node holds lives long, and ended connections are freed by reference counts.

    By default every 700 new containers start a collection, which in a storm of connects takes half of the CPU; with
    every 50,000 it is still a third (bench: connects). What it may cost is memory: cycles of so many containers, some
    60 MB, before they are found.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(GC_YOUNG_CONTAINERS, 20, 20)


GC_YOUNG_CONTAINERS = 500_000
