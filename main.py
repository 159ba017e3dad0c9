"""Syncline: command line and composition root.

Builds everything in the order in which it depends on each other (settings, data directory, engine, hub, edges), runs
until a signal or a failure, and takes it down in reverse. No logic lives here. What only a server needs is imported
when it serves: `syncline version` takes no 300 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import os
import signal
import socket
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.app import build_app

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from aiohttp import web

    from api.config import EdgeConfig
    from api.jwks_fetch import JwksFetch
    from api.server import Server
    from cli.configuration import ServeOptions
    from hub.config import HubConfig
    from hub.engines.memory import MemoryEngine
    from hub.hub import Hub
    from hub.supervisor import Supervisor
    from settings.dev_secrets import DevSecrets
    from storage.data_directory import DataDirectory

logger = logging.getLogger("syncline")

EXIT_FAILURE = 1


def serve(options: ServeOptions) -> int:
    """Run a node until it is told to stop. Returns the exit code."""
    from cli.configuration import load_with
    from observability.logging import configure_logging
    from settings.dev_secrets import load_dev_secrets
    from settings.views import edge_config, hub_config

    dev = load_dev_secrets(options.data_dir) if options.is_dev else None
    loaded = load_with(options, dev)
    settings = loaded.settings
    configure_logging(settings.log.level, settings.log.format)
    for warning in loaded.warnings:
        logger.warning("configuration", extra={"detail": str(warning)})
    edge = edge_config(settings)
    config = hub_config(settings)
    if not config.node_name:
        config = replace(config, node_name=f"{socket.gethostname()}_{edge.listen.port}")
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(run_node(config, edge, options.data_dir if options.has_state else None, dev))


class StartFailed(Exception):
    """The node cannot start; the text tells the operator why."""


async def run_node(config: HubConfig, edge: EdgeConfig, data_dir: Path | None, dev: DevSecrets | None) -> int:
    """One node from its first resource to its last. Returns the exit code."""
    from hub.clock import SystemClock
    from hub.engines.memory import MemoryEngine
    from hub.hub import Hub
    from hub.supervisor import Supervisor

    stop = _stop_on_signals()
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        try:
            directory = await _hold(data_dir, edge.drain.timeout_s, stack)
            engine = MemoryEngine(clock, history_meta_ttl_s=config.channel.history_meta_ttl_s)
            _take_over(engine, directory)
            hub = Hub(config, engine, clock, await _jwks_fetch(config, stack))
            supervisor = await stack.enter_async_context(Supervisor())
            hub.gauges["idempotency_evictions"] = lambda: engine.holdings().idempotency_evictions
            supervisor.start("engine.memory", engine.run())
            server = await _serve_hub(hub, edge, supervisor, dev)
        except StartFailed as exc:
            logger.error("cannot_start", extra={"detail": str(exc)})
            return EXIT_FAILURE
        _calm_garbage_collector()
        failure = await supervisor.run_until(stop)
        if failure is not None:
            logger.error("task_failed", exc_info=failure)
        await server.drain()
        await server.close()
        if directory is not None:
            directory.leave_handover(engine.dump())
    return 0 if failure is None else EXIT_FAILURE


async def _hold(data_dir: Path | None, wait_s: float, stack: AsyncExitStack) -> DataDirectory | None:
    """The data directory, ours until the stack unwinds."""
    from storage.data_directory import DirectoryInUse, open_data_directory

    if data_dir is None:
        return None
    try:
        return await stack.enter_async_context(open_data_directory(data_dir, wait_s))
    except (DirectoryInUse, OSError) as exc:
        raise StartFailed(f"data directory: {exc}") from exc


async def _serve_hub(hub: Hub, edge: EdgeConfig, supervisor: Supervisor, dev: DevSecrets | None) -> Server:
    """Start the hub's tasks and listen."""
    from api.server import Server
    from observability.loop_lag import LoopLag

    lag = LoopLag()
    loop = asyncio.get_running_loop()
    for name, work in (*hub.tasks(), ("loop_lag", lag.run())):
        supervisor.start(name, work)
    server = Server(hub, edge, lambda: lag.current_s(loop.time()), _demo(dev, hub, edge))
    try:
        await server.start()
    except OSError as exc:
        await server.close()
        raise StartFailed(f"cannot listen: {exc}") from exc
    if dev is not None:
        _greet(edge, dev)
    return server


def _greet(edge: EdgeConfig, dev: DevSecrets) -> None:
    """What somebody who has just typed `make run` wants to know."""
    host = edge.listen.address or "localhost"
    print(f"\n  Syncline is up.  Demo: http://{host}:{edge.listen.port}/demo/")
    print(f"  Development secrets are in {dev.path}.  Ctrl-C drains and stops.\n", flush=True)


def _take_over(engine: MemoryEngine, directory: DataDirectory | None) -> None:
    from hub.engines.memory.snapshot import SnapshotUnreadable

    data = None if directory is None else directory.take_handover()
    if data is None:
        return
    try:
        streams = engine.load(data)
    except SnapshotUnreadable as exc:
        logger.warning("handover_unreadable", extra={"detail": str(exc)})
    else:
        logger.info("handover_loaded", extra={"streams": streams})


async def _jwks_fetch(config: HubConfig, stack: AsyncExitStack) -> JwksFetch | None:
    tokens = (config.client.token, config.client.subscription_token)
    if not any(token is not None and token.jwks_public_endpoint for token in tokens):
        return None
    import aiohttp

    from api.jwks_fetch import JwksFetch

    return JwksFetch(await stack.enter_async_context(aiohttp.ClientSession()))


def _demo(dev: DevSecrets | None, hub: Hub, edge: EdgeConfig) -> Callable[[web.Application], None] | None:
    """The page at /demo, in development only; its clients get tokens of the key that signs here."""
    secrets = hub.config.client.token.hmac_secrets
    if dev is None or not secrets:
        return None
    from api.demo import DemoSettings, add_demo_routes
    from hub.tokens.signing import sign_connect

    demo = DemoSettings(
        token_for=lambda user: sign_connect(secrets[0][0], user, DEMO_TOKEN_TTL_S, hub.clock),
        api_key=edge.server_api.key,
        channel="demo:room",
        bound_host=edge.listen.address,
    )
    return lambda app: add_demo_routes(app, demo)


DEMO_TOKEN_TTL_S = 3600


def _stop_on_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second one ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, handle, number)
    return stop


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


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """uvloop where the extra `speed` is installed; asyncio's own otherwise."""
    with contextlib.suppress(ImportError):
        import uvloop

        return uvloop.new_event_loop
    return None


app = build_app(serve)


def run() -> None:
    app()


if __name__ == "__main__":
    run()
