"""A WebSocket by hand, byte for byte: for what no well-behaved client sends (RFC 6455)."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import socket
import struct
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

_MASK = b"\x12\x34\x56\x78"


class Frame(NamedTuple):
    """One frame a server sent."""

    opcode: int
    payload: bytes

    @property
    def close_code(self) -> int:
        code: int = struct.unpack("!H", self.payload[:2])[0]
        return code


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    is_final: bool = True,
    is_masked: bool = True,
    reserved_bits: int = 0,
    declared_length: int | None = None,
) -> bytes:
    """Any client frame, right or wrong; `declared_length` may lie about the payload."""
    length = len(payload) if declared_length is None else declared_length
    first = (is_final << 7) | (reserved_bits << 4) | opcode
    header = bytes([first]) + _length(length, is_masked << 7)
    if not is_masked:
        return header + payload
    masked = bytes(byte ^ _MASK[index % 4] for index, byte in enumerate(payload))
    return header + _MASK + masked


def _length(length: int, mask_bit: int) -> bytes:
    if length < 126:
        return bytes([mask_bit | length])
    if length < 1 << 16:
        return struct.pack("!BH", mask_bit | 126, length)
    return struct.pack("!BQ", mask_bit | 127, length)


def upgrade_request(path: str, headers: Mapping[str, str] | None = None, *, method: str = "GET") -> bytes:
    """The opening handshake; `headers` replace those of the same name."""
    fields = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
        **(headers or {}),
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


class WireSocket:
    """One TCP connection to a server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, *pieces: bytes) -> None:
        """Write bytes, each piece in a segment of its own as far as the kernel lets us."""
        for piece in pieces:
            self._writer.write(piece)
            await self._writer.drain()
            await asyncio.sleep(0)

    async def response(self) -> tuple[int, dict[str, str]]:
        """The HTTP answer's status and headers (by lower-case name)."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode()
        status, *fields = head.split("\r\n")[:-2]
        headers = {name.lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
        return int(status.split()[1]), headers

    async def receive(self) -> Frame:
        """The next frame. Raises IncompleteReadError at the end."""
        async with asyncio.timeout(PATIENCE_S):
            first, second = await self._reader.readexactly(2)
            assert first & 0x80, "this server never fragments"
            assert not second & 0x80, "a server must not mask"
            length = second & 0x7F
            if length == 126:
                (length,) = struct.unpack("!H", await self._reader.readexactly(2))
            elif length == 127:
                (length,) = struct.unpack("!Q", await self._reader.readexactly(8))
            return Frame(first & 0x0F, await self._reader.readexactly(length))

    async def goodbye(self) -> Frame:
        """The Close frame, after whatever else comes."""
        while (received := await self.receive()).opcode != CLOSE:
            pass
        return received

    async def closing(self) -> Frame:
        """The Close frame; it is answered, and the server must have ended the connection behind it."""
        received = await self.goodbye()
        with contextlib.suppress(ConnectionError):  # it may have ended already: that is the server's right
            await self.send(frame(CLOSE, received.payload[:2]))
        await self.ended()
        return received

    async def rest(self) -> bytes:
        """Whatever else comes until the server closes the connection."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                return await self._reader.read()
            except ConnectionError:
                return b""

    async def ended(self) -> None:
        """Wait until the server has closed the connection. Raises AssertionError when it says anything more."""
        rest = await self.rest()
        assert rest == b"", rest

    def close(self) -> None:
        self._writer.transport.abort()


@asynccontextmanager
async def wire(host: str, port: int) -> AsyncIterator[WireSocket]:
    """A bare TCP connection."""
    reader, writer = await asyncio.open_connection(host, port)
    socket_ = WireSocket(reader, writer)
    try:
        yield socket_
    finally:
        socket_.close()


@asynccontextmanager
async def upgraded(host: str, port: int, path: str = "/connection/websocket") -> AsyncIterator[WireSocket]:
    """A connection behind its opening handshake."""
    async with wire(host, port) as socket_:
        await socket_.send(upgrade_request(path))
        status, _ = await socket_.response()
        assert status == 101
        yield socket_


class DeafSocket:
    """A client that has shaken hands and never reads again, with a small window.

    Its receive buffer is as small as the kernel allows, so the server's writes stop getting through almost at once.
    """

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    async def send(self, *commands: bytes) -> None:
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._raw, frame(TEXT, b"\n".join(commands)))

    async def hear(self, last: bytes = b"") -> bytes:
        """Read until the bytes `last` have come, or until the server's end; its reset is an end too."""
        self._raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        received = bytearray()
        async with asyncio.timeout(PATIENCE_S):
            try:
                while piece := await asyncio.get_running_loop().sock_recv(self._raw, 65_536):
                    received += piece
                    if last and received.find(last, max(0, len(received) - len(piece) - len(last))) >= 0:
                        break
            except ConnectionError:
                pass
        return bytes(received)


@asynccontextmanager
async def deaf_socket(host: str, port: int, path: str = "/connection/websocket") -> AsyncIterator[DeafSocket]:
    loop = asyncio.get_running_loop()
    with socket.socket() as raw:
        raw.setblocking(False)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        async with asyncio.timeout(PATIENCE_S):
            await loop.sock_connect(raw, (host, port))
            await loop.sock_sendall(raw, upgrade_request(path))
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += await loop.sock_recv(raw, 1)
        assert b" 101 " in head, head
        yield DeafSocket(raw)
