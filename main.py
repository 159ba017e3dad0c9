"""Syncline: command line and root of composition.

Settings become the configurations of the parts, `composition` puts a node together of them, and it runs until a signal.
No logic lives here. What only a server needs is imported when it serves: `syncline version` takes no 300 ms.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cli.app import build_app
from cli.workers_check import check_workers

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.config import EdgeConfig, ListenConfig
    from api.server import Extension
    from cli.configuration import ServeOptions
    from composition.config import NodeConfig, OperatorAccount
    from settings.dev_secrets import DevSecrets
    from settings.model import Settings


class Signals(NamedTuple):
    """What ends a node, and whether twice ends it at once."""

    ending: tuple[signal.Signals, ...]
    may_hurry: bool


_SIGNALS = Signals((signal.SIGTERM, signal.SIGINT), may_hurry=True)

_WORKER_SIGNALS = Signals((signal.SIGTERM,), may_hurry=False)
"""Whoever ends all processes of a service, the parent included, asks a worker twice. A parent in a hurry kills."""


def serve(options: ServeOptions) -> int:
    """Run a node, or several, until told to stop. Returns the exit code."""
    import logging

    from cli.configuration import load_with
    from observability.logging import configure_logging
    from settings.dev_secrets import load_dev_secrets
    from settings.in_force import settings_in_force

    dev = load_dev_secrets(options.data_dir) if options.is_dev else None
    loaded = load_with(options, dev)
    settings = loaded.settings
    if options.workers > 1:
        check_workers(settings)
    configure_logging(settings.log.level, settings.log.format)
    for warning in loaded.warnings:
        logging.getLogger("syncline").warning("configuration", extra={"detail": str(warning)})
    config = replace(_node_config(settings, options), settings=settings_in_force(loaded), operator=_operator(dev))
    if options.workers > 1:
        return _serve_with_workers(config, options.workers, dev)
    return _serve(config, dev)


def _serve(config: NodeConfig, dev: DevSecrets | None, *, is_worker: bool = False) -> int:
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_run(config, dev, _WORKER_SIGNALS if is_worker else _SIGNALS))


def _serve_with_workers(config: NodeConfig, count: int, dev: DevSecrets | None) -> int:
    """Everything that a child imports is imported before, once for all of them."""
    import composition.node  # noqa: F401  # as said
    from composition.shared_port import ReservedPorts
    from composition.tracing import import_tracing
    from composition.worker_metrics import WorkerPlace
    from composition.workers import END_GRACE_S, Workers
    from hub.clock import SystemClock

    if config.observability.tracing.is_enabled:
        import_tracing()
    try:
        ports = ReservedPorts(config.edge.listen)
    except OSError as exc:
        print(f"error: cannot listen: {exc}", file=sys.stderr)
        return 1

    def work(number: int) -> int:
        ports.close()
        place = WorkerPlace(number, count, Path(directory))
        worker = replace(_worker_config(config, ports.listen, number), worker=place)
        return _serve(worker, dev if number == 1 else None, is_worker=True)

    with contextlib.closing(ports), tempfile.TemporaryDirectory(prefix="syncline-") as directory:
        return Workers(count, work, SystemClock(), config.edge.drain.timeout_s + END_GRACE_S).run()


async def _run(config: NodeConfig, dev: DevSecrets | None, signals: Signals) -> int:
    from composition.node import run_node

    def greet() -> None:
        if dev is not None:
            _greet(config.edge, dev)

    return await run_node(config, _stop_on_signals(signals), lambda _hub: _demo(dev, config.edge), greet)


def _node_config(settings: Settings, options: ServeOptions) -> NodeConfig:
    from cli.platform_config import platform_config
    from composition.config import NodeConfig
    from services.operations.channels import with_operations_namespace
    from sessions.channels import with_session_namespaces
    from settings.consumer_views import relay_config
    from settings.observability_views import observability_config
    from settings.redis_views import redis_config
    from settings.views import edge_config, hub_config
    from storage.opening import is_embedded

    edge, hub = edge_config(settings), hub_config(settings)
    if not hub.node_name:
        hub = replace(hub, node_name=f"{socket.gethostname()}_{edge.listen.port}")
    platform = platform_config(settings, options.data_dir, may_migrate=options.may_migrate)
    if platform is not None:
        hub = replace(hub, channel=with_session_namespaces(hub.channel))
    if edge.console.is_enabled:
        hub = replace(hub, channel=with_operations_namespace(hub.channel))
    redis = redis_config(settings.engine.redis) if settings.engine.type == "redis" else None
    # What a node in Redis keeps is there. A database of our own is state that somebody must hold, also in a directory
    # that nobody has named.
    has_database = platform is not None and is_embedded(platform.storage)
    needs_directory = has_database or (options.has_state and redis is None)
    return NodeConfig(
        hub=hub,
        edge=edge,
        redis=redis,
        relay=relay_config(settings),
        platform=platform,
        observability=observability_config(settings),
        data_dir=options.data_dir if needs_directory else None,
    )


def _worker_config(config: NodeConfig, listen: ListenConfig, number: int) -> NodeConfig:
    """One of several on the same ports, with a name of its own."""
    return replace(
        config,
        hub=replace(config.hub, node_name=f"{config.hub.node_name}_{number}"),
        edge=replace(config.edge, listen=listen),
    )


def _greet(edge: EdgeConfig, dev: DevSecrets) -> None:
    """What somebody who has just typed `make run` wants to know."""
    host = edge.listen.address or "localhost"
    print(f"\n  Syncline is up.  Demo: http://{host}:{edge.listen.port}/demo/")
    if edge.console.is_enabled:
        port = edge.listen.internal_port or edge.listen.port
        print(f"  Console: http://{host}:{port}{edge.console.handler_prefix}/ for {dev.operator_email}")
    print(
        f"  Development secrets are in {dev.path}, the operator's password too.  Ctrl-C drains and stops.\n", flush=True
    )


def _operator(dev: DevSecrets | None) -> OperatorAccount | None:
    """Who may log in at the console of a fresh development server."""
    from composition.config import OperatorAccount

    return None if dev is None else OperatorAccount(email=dev.operator_email, password=dev.operator_password)


def _demo(dev: DevSecrets | None, edge: EdgeConfig) -> Extension | None:
    """The page at /demo, in development only."""
    if dev is None:
        return None
    from api.demo import DemoSettings, add_demo_routes

    demo = DemoSettings(api_key=edge.server_api.key, channel="demo:notices", bound_host=edge.listen.address)
    return lambda app: add_demo_routes(app, demo)


def _stop_on_signals(signals: Signals) -> asyncio.Event:
    """Set by the first of them; a second one ends the process at once, where it may."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def handle(number: int) -> None:
        if stop.is_set() and signals.may_hurry:
            os._exit(128 + number)
        stop.set()

    for number in signals.ending:
        loop.add_signal_handler(number, handle, number)
    return stop


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
