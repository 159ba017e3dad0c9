"""Sentry as far as a test needs one: it takes envelopes over HTTP, and can fail.

`fault` says how it treats what comes from now on; `stop()` closes its port, and `start()` opens the same one again.
"""

from __future__ import annotations

import asyncio
import enum
import gzip
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

HOST = "127.0.0.1"
KEY = "0123456789abcdef0123456789abcdef"
PROJECT = "1"


class Fault(enum.Enum):
    """What happens to a request."""

    NONE = "none"
    BLACK_HOLE = "black hole"  # it is read, and never answered
    SLOW = "slow"  # it is answered after `delay_s`
    FAILING = "failing"  # 500
    TOO_MANY = "too many"  # 429


class SentryReceiver:
    """Listens on a free port of the loopback interface.

    Attributes:
        events: in the order in which they came.
        bodies: every envelope as it came, decompressed.
        num_requests: those that failed included.
    """

    def __init__(self) -> None:
        self.port = free_port()
        self.dsn = f"http://{KEY}@{HOST}:{self.port}/{PROJECT}"
        self.fault = Fault.NONE
        self.delay_s = 1.0
        self.events: list[dict[str, Any]] = []
        self.bodies: list[bytes] = []
        self.num_requests = 0
        self._runner: web.AppRunner | None = None
        self._closing = asyncio.Event()

    async def received(self, count: int = 1, within_s: float = PATIENCE_S) -> list[dict[str, Any]]:
        """Wait until so many events have come; all of them."""
        await eventually(lambda: len(self.events) >= count, within_s)
        return self.events

    async def start(self) -> None:
        app = web.Application(client_max_size=16 * 1024 * 1024)
        app.router.add_post(f"/api/{PROJECT}/envelope/", self._take)
        self._closing.clear()
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, HOST, self.port).start()

    async def stop(self) -> None:
        """From now on connections are refused."""
        if self._runner is not None:
            self._closing.set()
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        assert f"sentry_key={KEY}" in request.headers["X-Sentry-Auth"]
        body = await request.read()
        self.num_requests += 1
        match self.fault:
            case Fault.BLACK_HOLE:
                await self._closing.wait()
            case Fault.SLOW:
                await asyncio.sleep(self.delay_s)
            case Fault.FAILING:
                return web.Response(status=500)
            case Fault.TOO_MANY:
                return web.Response(status=429, headers={"Retry-After": "60"})
            case _:
                pass
        self._keep(gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body)
        return web.json_response({})

    def _keep(self, body: bytes) -> None:
        self.bodies.append(body)
        self.events += [item for kind, item in _items(body) if kind == "event"]


def _items(body: bytes) -> Iterator[tuple[str, Any]]:
    """Of an envelope: a line about itself, then for each item a line about it and one that is the item."""
    lines = body.split(b"\n")
    for header, payload in zip(lines[1::2], lines[2::2], strict=False):
        if header:
            yield json.loads(header)["type"], json.loads(payload)


@asynccontextmanager
async def sentry_receiver() -> AsyncIterator[SentryReceiver]:
    """One that listens, and is gone afterwards."""
    receiver = SentryReceiver()
    await receiver.start()
    try:
        yield receiver
    finally:
        await receiver.stop()
