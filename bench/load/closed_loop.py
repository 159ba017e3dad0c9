"""Connections that each send the same request again as soon as its answer is there."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable, Sequence

import msgspec

from bench.load.dialects import Refused

_SILENCE_S = 10.0


class LoopReport(msgspec.Struct, frozen=True):
    requests: int
    elapsed_s: float
    generator_busy: float  # share of one core


Answered = Callable[[bytes], int]
"""Where in the received bytes the awaited answer ends; 0 while it is not all there. Raises Refused."""


def run_closed_loop(
    connections: Sequence[socket.socket], request: bytes, answered: Answered, *, seconds: float
) -> LoopReport:
    """One request under way per connection, for that many seconds.

    Raises:
        Refused: silence, a closed connection, or what `answered` raises.
    """
    epoll = select.epoll()
    received: dict[int, bytes] = {}
    by_descriptor = {connection.fileno(): connection for connection in connections}
    for descriptor in by_descriptor:
        epoll.register(descriptor, select.EPOLLIN)
    requests, started_ns, busy_from_ns = 0, time.monotonic_ns(), time.process_time_ns()
    deadline_ns = started_ns + int(seconds * 1e9)
    for connection in connections:
        connection.sendall(request)
    under_way = len(connections)
    while under_way:
        for descriptor in _readable(epoll):
            buffer = received.pop(descriptor, b"") + _read(descriptor)
            if not (end := answered(buffer)):
                received[descriptor] = buffer
                continue
            requests += 1
            if time.monotonic_ns() < deadline_ns:
                by_descriptor[descriptor].sendall(request)
            else:
                under_way -= 1
            if end < len(buffer):
                raise Refused(f"more than the one answer: {buffer[end:][:300]!r}")
    elapsed_ns, busy_ns = time.monotonic_ns() - started_ns, time.process_time_ns() - busy_from_ns
    epoll.close()
    return LoopReport(requests, elapsed_ns / 1e9, busy_ns / elapsed_ns)


def _readable(epoll: select.epoll) -> list[int]:
    events = epoll.poll(_SILENCE_S, 256)
    if not events:
        raise Refused(f"no answer in {_SILENCE_S:.0f} s")
    return [descriptor for descriptor, _ in events]


def _read(descriptor: int) -> bytes:
    chunk = os.read(descriptor, 65536)
    if not chunk:
        raise Refused("the server closed a connection")
    return chunk
