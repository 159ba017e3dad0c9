"""A TCP proxy whose wires can be cut: what a client sees when its network goes away."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST = "127.0.0.1"


class Proxy:
    """Forwards bytes both ways, unchanged, until somebody cuts.

    Attributes:
        num_accepted: connections taken so far, those refused while cut not counted.
    """

    def __init__(self, port: int) -> None:
        self.target_port = port
        self.num_accepted = 0
        self._is_cut = False
        self._ends: set[_End] = set()
        self._server: asyncio.Server | None = None

    @property
    def port(self) -> int:
        assert self._server is not None, "not started"
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def ws_url(self) -> str:
        return f"ws://{HOST}:{self.port}/connection/websocket"

    async def start(self) -> None:
        self._server = await asyncio.get_running_loop().create_server(lambda: _ClientEnd(self), HOST, 0)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self.cut()
            await self._server.wait_closed()

    def cut(self) -> None:
        """Reset every connection, and every new one until `mend`."""
        self._is_cut = True
        for end in tuple(self._ends):
            end.abort()

    def mend(self) -> None:
        """Let new connections through again."""
        self._is_cut = False

    def admits(self) -> bool:
        return not self._is_cut

    def opened(self, end: _End) -> None:
        self._ends.add(end)

    def closed(self, end: _End) -> None:
        self._ends.discard(end)


class _End(asyncio.Protocol):
    """One side of a forwarded connection."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.peer: _End | None = None
        self.transport: asyncio.Transport | None = None
        self.early = bytearray()  # asyncio of 3.11.2 reads on although a transport was paused in connection_made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.proxy.opened(self)

    def data_received(self, data: bytes) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.write(data)
        else:
            self.early += data

    def pause_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.closed(self)
        if self.peer is not None and self.peer.transport is not None:
            self.peer.transport.close()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class _ClientEnd(_End):
    """The side that was accepted; it reads once the other one stands."""

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(proxy)
        self._opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self.proxy.admits():
            self.abort()
            return
        self.proxy.num_accepted += 1
        assert self.transport is not None
        self.transport.pause_reading()
        self._opening = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        assert self.transport is not None
        loop = asyncio.get_running_loop()
        try:
            _, server_end = await loop.create_connection(lambda: _End(self.proxy), HOST, self.proxy.target_port)
        except OSError:
            self.abort()
            return
        server_end.peer, self.peer = self, server_end
        assert server_end.transport is not None
        server_end.transport.write(bytes(self.early))
        if self.transport.is_closing():
            server_end.abort()
        else:
            self.transport.resume_reading()


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """A proxy on a free port, for as long as the block runs."""
    proxy = Proxy(port)
    await proxy.start()
    try:
        yield proxy
    finally:
        await proxy.close()
