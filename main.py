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
from dataclasses import replace
from typing import TYPE_CHECKING

from cli.app import build_app

if TYPE_CHECKING:
    from collections.abc import Callable

    from api.config import EdgeConfig
    from api.server import Extension
    from cli.configuration import ServeOptions
    from composition.config import NodeConfig
    from settings.dev_secrets import DevSecrets
    from settings.model import Settings


def serve(options: ServeOptions) -> int:
    """Run a node until it is told to stop. Returns the exit code."""
    import logging

    from cli.configuration import load_with
    from observability.logging import configure_logging
    from settings.dev_secrets import load_dev_secrets

    dev = load_dev_secrets(options.data_dir) if options.is_dev else None
    loaded = load_with(options, dev)
    settings = loaded.settings
    configure_logging(settings.log.level, settings.log.format)
    for warning in loaded.warnings:
        logging.getLogger("syncline").warning("configuration", extra={"detail": str(warning)})
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_run(_node_config(settings, options), dev))


async def _run(config: NodeConfig, dev: DevSecrets | None) -> int:
    from composition.node import run_node

    def greet() -> None:
        if dev is not None:
            _greet(config.edge, dev)

    return await run_node(config, _stop_on_signals(), lambda _hub: _demo(dev, config.edge), greet)


def _node_config(settings: Settings, options: ServeOptions) -> NodeConfig:
    from cli.platform_config import platform_config
    from composition.config import NodeConfig
    from sessions.channels import with_session_namespaces
    from settings.views import edge_config, hub_config
    from storage.opening import is_embedded

    edge, hub = edge_config(settings), hub_config(settings)
    if not hub.node_name:
        hub = replace(hub, node_name=f"{socket.gethostname()}_{edge.listen.port}")
    platform = platform_config(settings, options.data_dir, may_migrate=options.may_migrate)
    if platform is not None:
        hub = replace(hub, channel=with_session_namespaces(hub.channel))
    # A database of our own is state that somebody must hold, also in a directory that nobody has named.
    needs_directory = options.has_state or (platform is not None and is_embedded(platform.storage))
    return NodeConfig(hub=hub, edge=edge, platform=platform, data_dir=options.data_dir if needs_directory else None)


def _greet(edge: EdgeConfig, dev: DevSecrets) -> None:
    """What somebody who has just typed `make run` wants to know."""
    host = edge.listen.address or "localhost"
    print(f"\n  Syncline is up.  Demo: http://{host}:{edge.listen.port}/demo/")
    print(f"  Development secrets are in {dev.path}.  Ctrl-C drains and stops.\n", flush=True)


def _demo(dev: DevSecrets | None, edge: EdgeConfig) -> Extension | None:
    """The page at /demo, in development only."""
    if dev is None:
        return None
    from api.demo import DemoSettings, add_demo_routes

    demo = DemoSettings(api_key=edge.server_api.key, channel="demo:notices", bound_host=edge.listen.address)
    return lambda app: add_demo_routes(app, demo)


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
