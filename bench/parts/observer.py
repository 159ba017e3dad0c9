"""Whoever observes a node, for the bench: reads its metrics every 5 s, as Prometheus does, and takes what it exports.

    python -m bench.parts.observer <port> <answers | is_silent> <url of the metrics>

It decodes nothing, so that it takes as little as it can of the core it shares with the generator.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys

import aiohttp
from aiohttp import web

ANSWERS, IS_SILENT = "answers", "is_silent"

SCRAPE_INTERVAL_S = 5.0
_SCRAPE_LIMIT_S = 4.0


async def take(request: web.Request) -> web.Response:
    """A collector that has received what it was sent."""
    await request.read()
    return web.Response(content_type="application/x-protobuf")


async def take_silently(request: web.Request) -> web.Response:
    """One that reads and never answers."""
    await request.read()
    await asyncio.Event().wait()
    return web.Response()


async def scrape(url: str) -> None:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=_SCRAPE_LIMIT_S)) as session:
        while True:
            await asyncio.sleep(SCRAPE_INTERVAL_S)
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):  # the node ends before this does
                async with session.get(url) as response:
                    response.raise_for_status()
                    await response.read()


async def observe(port: int, manner: str, metrics_url: str) -> None:
    app = web.Application(client_max_size=1 << 26)
    app.router.add_post("/{path:.*}", take if manner == ANSWERS else take_silently)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await scrape(metrics_url)


if __name__ == "__main__":
    asyncio.run(observe(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
