"""One forwarded connection of a fault proxy: two ends, and a stream of pieces for each direction."""

from __future__ import annotations

import asyncio
import itertools
import socket
import struct
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from tests.lab.toxics import Piece

if TYPE_CHECKING:
    import random

    from tests.lab.fault_proxy import FaultProxy

HOST = "127.0.0.1"

HEAD_BYTES = 4096
"""How much of each direction's beginning a link remembers, for predicates."""

MAX_HELD_BYTES = 1 << 20
"""What a stream holds back before its sender is no longer read from."""


class Link:
    """One connection.

    Attributes:
        number: how many came before.
        first_up: the client's first bytes.
        has_lost_bytes: it cannot be mended.
    """

    def __init__(self, proxy: FaultProxy, number: int, rng: random.Random) -> None:
        self.proxy = proxy
        self.number = number
        self.has_lost_bytes = False
        self.up = ProxyStream(self, rng, is_up=True)
        self.down = ProxyStream(self, rng, is_up=False)
        self.client = _ClientEnd(self, reads_into=self.up, writes_from=self.down)
        self.server = _End(self, reads_into=self.down, writes_from=self.up)

    @property
    def first_up(self) -> bytes:
        return bytes(self.up.head)

    @property
    def is_gone(self) -> bool:
        return all(end.transport is None or end.transport.is_closing() for end in (self.client, self.server))

    def abort(self) -> None:
        """Reset both ends."""
        self.client.stop_opening()
        for end in (self.client, self.server):
            if end.transport is not None:
                _reset(end.transport)
        self.proxy.forget(self)

    def close(self) -> None:
        """Both sides have said goodbye."""
        for end in (self.client, self.server):
            if end.transport is not None:
                end.transport.close()

    def flush(self) -> None:
        self.up.flush()
        self.down.flush()


class ProxyStream:
    """The bytes of one direction on their way. Implements Flow.

    Attributes:
        is_finished: its end has gone on too.
        sink: who writes them, once it stands.
        source: who reads them.
    """

    def __init__(self, link: Link, rng: random.Random, *, is_up: bool) -> None:
        self.link = link
        self.is_up = is_up
        self.random = rng
        self.busy_until_s = 0.0
        self.head = bytearray()
        self.is_finished = False
        self.sink: asyncio.Transport | None = None
        self.source: asyncio.Transport | None = None
        self._pieces: deque[Piece] = deque()
        self._num_held_bytes = 0
        self._has_ended = False
        self._is_full = False
        self._timer: asyncio.TimerHandle | None = None

    def has_lost_bytes(self) -> None:
        self.link.has_lost_bytes = True

    def feed(self, data: bytes) -> None:
        """Take bytes from the source."""
        if self.sink is not None and self.sink.is_closing():
            return
        self.head += data[: HEAD_BYTES - len(self.head)]
        if self.link.proxy.springs(self, data):
            self.link.abort()
            return
        if self.sink is not None and not self._pieces and not self.link.proxy.toxics_of(self):
            self.sink.write(data)
            return
        for piece in self._shaped(data):
            self._pieces.append(piece)
            self._num_held_bytes += len(piece.data)
        if self._num_held_bytes > MAX_HELD_BYTES and self.source is not None:
            self._is_full = True
            self.source.pause_reading()
        self.flush()

    def end(self) -> None:
        """The source will send no more: nor will the sink, behind what is still on its way."""
        self._has_ended = True
        self.flush()

    def flush(self) -> None:
        """Write what is due, and come back for the rest."""
        if self.sink is None or self.sink.is_closing() or self._is_held():
            return
        now_s = asyncio.get_running_loop().time()
        while self._pieces and self._pieces[0].due_s <= now_s:
            piece = self._pieces.popleft()
            self._num_held_bytes -= len(piece.data)
            self.sink.write(piece.data)
        if self._pieces:
            self._come_back(self._pieces[0].due_s)
        elif self._has_ended:
            self._finish()
        self._read_on()

    def _finish(self) -> None:
        assert self.sink is not None
        self.is_finished = True
        with suppress(OSError):  # it is gone already, and we are about to be told
            self.sink.write_eof()
        if self.link.up.is_finished and self.link.down.is_finished:
            self.link.close()

    def _read_on(self) -> None:
        if self._is_full and self._num_held_bytes <= MAX_HELD_BYTES and self.source is not None:
            self._is_full = False
            self.source.resume_reading()

    def _is_held(self) -> bool:
        return any(toxic.holds for toxic in self.link.proxy.toxics_of(self))

    def _shaped(self, data: bytes) -> list[Piece]:
        last_due_s = self._pieces[-1].due_s if self._pieces else 0.0
        pieces = [Piece(asyncio.get_running_loop().time(), data)]
        for toxic in self.link.proxy.toxics_of(self):
            pieces = [shaped for piece in pieces for shaped in toxic.apply(piece, self)]
        due_s = itertools.accumulate((piece.due_s for piece in pieces), max, initial=last_due_s)
        return [Piece(due, piece.data) for due, piece in zip(itertools.islice(due_s, 1, None), pieces, strict=True)]

    def _come_back(self, due_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_at(due_s, self.flush)


class _End(asyncio.Protocol):
    """One side of a link."""

    def __init__(self, link: Link, *, reads_into: ProxyStream, writes_from: ProxyStream) -> None:
        self.link = link
        self.incoming = reads_into
        self.outgoing = writes_from
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.incoming.source = self.outgoing.sink = transport
        self.outgoing.flush()

    def data_received(self, data: bytes) -> None:
        self.incoming.feed(data)

    def pause_writing(self) -> None:
        if self.outgoing.source is not None:
            self.outgoing.source.pause_reading()

    def resume_writing(self) -> None:
        if self.outgoing.source is not None:
            self.outgoing.source.resume_reading()

    def eof_received(self) -> bool:
        self.incoming.end()
        return True  # the other direction goes on

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None:
            self.link.abort()
        elif self.link.is_gone:
            self.link.proxy.forget(self.link)


class _ClientEnd(_End):
    """The side that was accepted."""

    _opening: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        door = self.link.proxy.door.value
        if door == "resets":
            self.link.abort()
            return
        self.link.proxy.num_accepted += 1
        if door == "silent":
            self.link.has_lost_bytes = True
        else:
            self._opening = asyncio.get_running_loop().create_task(self._open(), name="fault proxy: open")

    def stop_opening(self) -> None:
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()

    async def _open(self) -> None:
        proxy, loop = self.link.proxy, asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.link.server, proxy.target_host, proxy.target_port)
        except OSError:
            self.link.abort()
            return
        if self.transport is None or self.transport.is_closing():
            self.link.abort()


def _reset(transport: asyncio.Transport) -> None:
    """End it by RST: an aborted transport alone would say goodbye in order."""
    socket_ = transport.get_extra_info("socket")
    if not transport.is_closing():
        socket_.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
