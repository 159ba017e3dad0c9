"""A process that works for so many seconds whenever it is asked to: how work without a network edge is measured.

One JSON line `{"seconds": 2.5}` on a TCP connection begins it; the answer is `{"done": n, "elapsed_s": s}`.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable

import msgspec

Work = Callable[[float], int]
"""Works until so many seconds are over; how many units it has done."""


class WorkOrder(msgspec.Struct, frozen=True):
    seconds: float


class WorkReport(msgspec.Struct, frozen=True):
    done: int
    elapsed_s: float


def serve(port: int, work: Work) -> None:
    """Until the process is ended; one client at a time."""
    with socket.create_server(("127.0.0.1", port)) as listener:
        while True:
            connection, _ = listener.accept()
            with connection, connection.makefile("rwb") as lines:
                for line in lines:
                    lines.write(_carried_out(line, work) + b"\n")
                    lines.flush()


def _carried_out(line: bytes, work: Work) -> bytes:
    seconds = msgspec.json.decode(line, type=WorkOrder).seconds
    started_ns = time.monotonic_ns()
    done = work(seconds)
    return msgspec.json.encode(WorkReport(done, (time.monotonic_ns() - started_ns) / 1e9))
