"""A process that works when it is asked to, for so long or until so much is done: how work without an edge is measured.

One JSON line on a TCP connection begins it, `{"seconds": 2.5}` or `{"messages": 1000}`; the answer is
`{"done": n, "elapsed_s": s}`.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Awaitable, Callable

import msgspec

Work = Callable[[float], int]
"""Works until so many seconds are over; how many units it has done."""


class WorkOrder(msgspec.Struct, frozen=True):
    """`messages` is for one that takes what comes to it."""

    seconds: float = 0
    messages: int = 0


class WorkReport(msgspec.Struct, frozen=True):
    done: int
    elapsed_s: float


CarryOut = Callable[[WorkOrder], Awaitable[WorkReport]]


def serve(port: int, work: Work) -> None:
    """Until the process is ended; one client at a time."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as lines:
                for line in lines:
                    report = _timed(work, _order(line).seconds)
                    lines.write(msgspec.json.encode(report) + b"\n")
                    lines.flush()


async def serve_on_loop(port: int, carry_out: CarryOut) -> None:
    """The same for one that has connections to keep between orders."""

    async def attend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async for line in reader:
            writer.write(msgspec.json.encode(await carry_out(_order(line))) + b"\n")
        writer.close()

    async with await asyncio.start_server(attend, "127.0.0.1", port) as server:
        await server.serve_forever()


def _order(line: bytes) -> WorkOrder:
    return msgspec.json.decode(line, type=WorkOrder)


def _timed(work: Work, seconds: float) -> WorkReport:
    started_ns = time.monotonic_ns()
    done = work(seconds)
    return WorkReport(done, (time.monotonic_ns() - started_ns) / 1e9)
