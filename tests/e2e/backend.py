"""An application's backend as its pages know it: signs tokens, publishes, serves the page; and cuts their wire."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.tokens import connection_token, subscription_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.api_client import APIClient
    from tests.support.proxy import Proxy

HOST = "127.0.0.1"

PAGE = b'<!doctype html><meta charset="utf-8"><title>Scenarios</title><script src="/scenarios.js"></script>'


class Backend:
    """What scenarios in JavaScript call with `POST /<what>` and a JSON body."""

    def __init__(self, api: APIClient, wire: Proxy, script: Path | None) -> None:
        self._api = api
        self._wire = wire
        self._script = script

    def application(self) -> web.Application:
        app = web.Application()
        app.add_routes([
            web.post("/token", self.token),
            web.post("/subscription_token", self.subscription_token),
            web.post("/api/{method}", self.call),
            web.post("/cut", self.cut),
            web.post("/mend", self.mend),
            web.get("/", self.page),
            web.get("/scenarios.js", self.script),
        ])  # fmt: skip
        return app

    async def token(self, request: web.Request) -> web.Response:
        return web.json_response(connection_token(**await request.json()))

    async def subscription_token(self, request: web.Request) -> web.Response:
        return web.json_response(subscription_token(**await request.json()))

    async def call(self, request: web.Request) -> web.Response:
        """Any method of the server API; an error is the answer too."""
        answer = await self._api.post(f"/api/{request.match_info['method']}", await request.json())
        return web.json_response(answer.json)

    async def cut(self, request: web.Request) -> web.Response:
        self._wire.cut()
        return web.json_response({})

    async def mend(self, request: web.Request) -> web.Response:
        self._wire.mend()
        return web.json_response({})

    async def page(self, request: web.Request) -> web.Response:
        return web.Response(body=PAGE, content_type="text/html")

    async def script(self, request: web.Request) -> web.StreamResponse:
        assert self._script is not None, "no browser here"
        return web.FileResponse(self._script, headers={"Content-Type": "text/javascript"})


@asynccontextmanager
async def backend(api: APIClient, wire: Proxy, *ports: int, script: Path | None = None) -> AsyncIterator[None]:
    """Serve the backend on each of these ports: to a browser, every port is another origin."""
    runner = web.AppRunner(Backend(api, wire, script).application(), access_log=None)
    await runner.setup()
    try:
        for port in ports:
            await web.TCPSite(runner, HOST, port).start()
        yield
    finally:
        await runner.cleanup()


def origin(port: int) -> str:
    return f"http://{HOST}:{port}"
