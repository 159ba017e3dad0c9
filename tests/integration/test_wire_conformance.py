"""RFC 6455 from outside: the Autobahn cases (by kosoku), and what they do not ask.

They want an echo server: a route that echoes, on the production class, its writing half and its reading loop.
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from asyncio.subprocess import DEVNULL
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import WSMsgType, web

from api.websocket import GuardedWebSocket, WebSocketTransport, read_frames
from api.websocket_framing import TEXT_FRAMING
from tests.support.patience import PATIENCE_S, TIME_SCALE
from tests.support.ports import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST = "127.0.0.1"

MAX_MESSAGE_BYTES = 1 << 20

GROUPS = {
    "framing": ("1.*", 16),
    "pings and pongs": ("2.*", 11),
    "reserved bits": ("3.*", 7),
    "opcodes": ("4.*", 10),
    "fragmentation": ("5.*", 20),
    "UTF-8": ("6.*", 145),
    "closing": ("7.*", 37),
    "auto-fragmentation": ("10.*", 1),
}
"""Cases, and how many there are: none is left out in silence."""

FIN_BINARY = b"\x82"

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

MASK = b"\x01\x02\x03\x04"


class EchoSocket(GuardedWebSocket):
    """Remembers whether it was text, which the hub has no use for."""

    is_text = True

    async def receive(self, timeout: float | None = None) -> Any:
        message = await super().receive(timeout)
        self.is_text = message.type is WSMsgType.TEXT
        return message


async def echo(request: web.Request) -> web.StreamResponse:
    socket = EchoSocket(MAX_MESSAGE_BYTES)
    await socket.prepare(request)
    assert request.transport is not None
    transport = WebSocketTransport(request.transport)

    async def send_back(data: bytes) -> None:
        frame = TEXT_FRAMING.frame([data])
        transport.write(frame if socket.is_text else FIN_BINARY + frame[1:])

    try:
        await read_frames(socket, transport, send_back)
    finally:
        transport.finish()
    return socket


@asynccontextmanager
async def echo_server() -> AsyncIterator[int]:
    """The port it listens on."""
    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield port
    finally:
        await runner.cleanup()


@pytest.mark.conformance
@pytest.mark.slow
@pytest.mark.timeout(120 * TIME_SCALE)
@pytest.mark.parametrize(("cases", "count"), GROUPS.values(), ids=GROUPS.keys())
async def test_autobahn_cases(cases: str, count: int, tmp_path: Path) -> None:
    async with echo_server() as port:
        await run_kosoku(f"{HOST}:{port}", cases, tmp_path)
    (results,) = json.loads((tmp_path / "index.json").read_bytes()).values()
    assert len(results) == count
    verdicts = {case: (result["behavior"], result["behaviorClose"]) for case, result in results.items()}
    assert {case: verdict for case, verdict in verdicts.items() if not is_conforming(case, *verdict)} == {}


def is_conforming(case: str, behaviour: str, close: str) -> bool:
    """ "NON-STRICT" is said of a peer that finds broken UTF-8 only when the message is complete, as aiohttp does."""
    late = {"NON-STRICT"} if case.startswith("6.4.") else set()
    return behaviour in {"OK", "INFORMATIONAL"} | late and close in {"OK", "INFORMATIONAL"}


async def run_kosoku(address: str, cases: str, report: Path) -> None:
    """In a process of its own: now and then kosoku aborts its process at the end, with the report already written."""
    kosoku = str(Path(sys.executable).with_name("kosoku"))
    process = await asyncio.create_subprocess_exec(
        kosoku, address, "--include", cases, "--parallelism", "4", "--outdir", str(report), stdout=DEVNULL
    )
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.conformance
@pytest.mark.parametrize("code", [1004, 1005, 1006, 1015])
async def test_reserved_close_codes_are_a_protocol_error(code: int) -> None:
    """1006 is Autobahn case 7.9.5, which aiohttp itself fails."""
    assert close_code(await answer_to(masked(0x88, struct.pack("!H", code)))) == 1002


@pytest.mark.conformance
@pytest.mark.parametrize("code", [1000, 1001, 3000, 3001, 4999])
async def test_close_codes_are_echoed(code: int) -> None:
    assert await answer_to(masked(0x88, struct.pack("!H", code))) == closing(code, b"")


@pytest.mark.conformance
async def test_text_that_is_not_utf_8_is_closed_with_1007() -> None:
    assert close_code(await answer_to(masked(0x81, b'"\xed\xa0\x80"'))) == 1007


def masked(first: int, payload: bytes) -> bytes:
    body = bytes(byte ^ MASK[index % 4] for index, byte in enumerate(payload))
    return bytes((first, 0x80 | len(payload))) + MASK + body


def unmasked(first: int, payload: bytes) -> bytes:
    return bytes((first, len(payload))) + payload


def closing(code: int, reason: bytes) -> bytes:
    return unmasked(0x88, struct.pack("!H", code) + reason)


def close_code(answer: bytes) -> int:
    """Of an answer that is one Close frame."""
    assert answer[0] == 0x88, answer
    assert answer[1] == len(answer) - 2, "something behind the Close frame"
    return int.from_bytes(answer[2:4], "big")


async def answer_to(*frames: bytes) -> bytes:
    """Everything the server says to these bytes, until it hangs up."""
    async with echo_server() as port, asyncio.timeout(PATIENCE_S):
        reader, writer = await asyncio.open_connection(HOST, port)
        writer.write(UPGRADE)
        await reader.readuntil(b"\r\n\r\n")
        for frame in frames:
            writer.write(frame)
            await writer.drain()
        answer = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
    return answer


UNMASKED = {
    "text": unmasked(0x81, b"{}"),
    "empty text": unmasked(0x81, b""),
    "binary": unmasked(0x82, b"{}"),
    "ping": unmasked(0x89, b"ping"),
    "close": closing(1000, b""),
    "first fragment": unmasked(0x01, b"{"),
    "long text": bytes((0x81, 126)) + struct.pack("!H", 300) + b"x" * 300,
}


@pytest.mark.conformance
@pytest.mark.parametrize("frame", UNMASKED.values(), ids=UNMASKED.keys())
async def test_unmasked_frames_are_refused_with_1002(frame: bytes) -> None:
    assert close_code(await answer_to(frame)) == 1002


@pytest.mark.conformance
async def test_an_unmasked_frame_behind_masked_ones_is_refused_too() -> None:
    answer = await answer_to(masked(0x81, b"first"), masked(0x81, b"second") + unmasked(0x81, b"third"))
    assert b"third" not in answer
    assert struct.pack("!H", 1002) in answer
