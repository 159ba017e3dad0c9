"""One node from its first resource to its last: engine, hub, platform, server; and the same way down."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

from api.jwks_fetch import open_jwks_fetch
from api.rest.routes import RestServices, rest_application
from api.server import Server
from composition.platform import Platform, open_platform
from hub.clock import SystemClock
from hub.engines.memory import MemoryEngine
from hub.engines.memory.snapshot import SnapshotUnreadable
from hub.hub import Hub
from hub.supervisor import Supervisor
from observability.loop_lag import LoopLag
from storage.data_directory import DirectoryInUse, open_data_directory
from storage.database import CannotOpen, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.rest.application import RestApplication
    from api.server import Extension
    from composition.config import NodeConfig, PlatformConfig
    from hub.clock import Clock
    from hub.tokens.jwks import Fetch
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

    async def start(self, extend: Extend) -> None:
        """Raises: StartFailed."""
        self._directory = await self._hold_directory()
        self._engine = MemoryEngine(self._clock, history_meta_ttl_s=self._config.hub.channel.history_meta_ttl_s)
        _take_over(self._engine, self._directory)
        fetch = await self._stack.enter_async_context(open_jwks_fetch())
        self._hub = Hub(self._config.hub, self._engine, self._clock, fetch)
        self._hub.gauges["idempotency_evictions"] = lambda: self._engine.holdings().idempotency_evictions
        if self._config.platform is not None:
            self._platform = await self._open_platform(self._config.platform, fetch)
        self.supervisor = await self._stack.enter_async_context(Supervisor())
        self._server = self._make_server(extend)
        await self._listen()

    async def leave(self) -> None:
        """Drain, then let go of what is still on its way; the stack does the rest."""
        await self._server.drain()
        await self._server.close()
        if self._platform is not None:
            await _flush(self._platform)
        if self._directory is not None:
            self._directory.leave_handover(self._engine.dump())

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

    async def _open_platform(self, config: PlatformConfig, fetch: Fetch) -> Platform:
        try:
            return await self._stack.enter_async_context(open_platform(config, self._hub, self._clock, fetch))
        except (CannotOpen, StorageUnavailable) as exc:
            raise StartFailed(f"storage: {exc}") from exc

    def _make_server(self, extend: Extend) -> Server:
        """Start every task, and build what listens."""
        loop, lag = asyncio.get_running_loop(), LoopLag()
        tasks = [("engine.memory", self._engine.run()), *self._hub.tasks(), ("loop_lag", lag.run())]
        platform = self._platform
        if platform is not None:
            tasks += platform.tasks()
        for name, work in tasks:
            self.supervisor.start(name, work)
        return Server(
            self._hub,
            self._config.edge,
            lambda: lag.current_s(loop.time()),
            rest=None if platform is None else self._rest(platform),
            storage_age_s=None if platform is None else platform.watch.age_s,
            extend=extend(self._hub),
        )

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
        )
        rest = rest_application(services, self._config.edge.rest, self._clock)
        self._hub.gauges["rest_callers_forgotten"] = lambda: rest.limits.num_forgotten
        return rest

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


def _take_over(engine: MemoryEngine, directory: DataDirectory | None) -> None:
    data = None if directory is None else directory.take_handover()
    if data is None:
        return
    try:
        streams = engine.load(data)
    except SnapshotUnreadable as exc:
        logger.warning("handover_unreadable", extra={"detail": str(exc)})
    else:
        logger.info("handover_loaded", extra={"streams": streams})


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
