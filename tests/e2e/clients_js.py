"""What the tests of the package `syncline` (clients/js) stand on: its build, a server with accounts, and its pages."""

from __future__ import annotations

import subprocess
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.e2e.configuration import configuration
from tests.e2e.javascript import DIRECTORY, node_js
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.proxy import Proxy

PACKAGE = Path(__file__).parents[2] / "clients" / "js"

HOST = "127.0.0.1"

PAGE = b'<!doctype html><meta charset="utf-8"><title>Tabs</title><script type="module" src="/page.js"></script>'

MANY = {"burst": 10_000, "interval": "1ms"}


def accounts_configuration(
    *allowed_origins: str, access_token_ttl: str = "5m", refresh_grace: str = "10s"
) -> dict[str, Any]:
    """A server that refuses nobody for coming too often: all scenarios come from one address."""
    return configuration(*allowed_origins) | {
        "accounts": {
            "enabled": True,
            "secret_key": "only-for-tests-" * 3,
            "access_token_ttl": access_token_ttl,
            "refresh_grace": refresh_grace,
            "token_leeway": "0s",
            "throttle": {"login_address": MANY, "register_address": MANY},
        },
        "sessions": {"device_offline_grace": "1s"},
    }


def build_package() -> None:
    """What is published, as it is published."""
    assert (PACKAGE / "node_modules").is_dir(), "these tests need npm packages: make test-all, or npm ci in clients/js"
    subprocess.run([node_js(), "build.mjs"], cwd=PACKAGE, check=True, timeout=120)


def bundle_pages(directory: Path) -> None:
    """The page and the shared worker, as an application's build makes them."""
    entries = ["page=syncline/page.mjs", f"worker={PACKAGE / 'dist' / 'worker.js'}"]
    esbuild = [node_js(), "node_modules/esbuild/bin/esbuild", *entries]
    options = ["--bundle", "--format=esm", "--log-level=warning", f"--outdir={directory}"]
    subprocess.run([*esbuild, *options], cwd=DIRECTORY, check=True, timeout=60)


class Pages:
    """An application: its page, its scripts; and, for the tests, the wire to the hub, which can be cut."""

    def __init__(self, wire: Proxy, directory: Path | None) -> None:
        self._wire = wire
        self._directory = directory

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/cut", self.cut), web.post("/mend", self.mend), web.get("/", self.page)])
        if self._directory is not None:
            app.router.add_static("/", self._directory)
        return app

    async def cut(self, request: web.Request) -> web.Response:
        self._wire.cut()
        return web.json_response({})

    async def mend(self, request: web.Request) -> web.Response:
        self._wire.mend()
        return web.json_response({})

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(body=PAGE, content_type="text/html")


@asynccontextmanager
async def pages(wire: Proxy, port: int | None = None, directory: Path | None = None) -> AsyncIterator[str]:
    """Where they are served."""
    runner = web.AppRunner(Pages(wire, directory).application(), access_log=None)
    await runner.setup()
    port = port or free_port()
    try:
        await web.TCPSite(runner, HOST, port).start()
        yield f"http://{HOST}:{port}"
    finally:
        await runner.cleanup()
