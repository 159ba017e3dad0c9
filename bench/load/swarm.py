"""Many joined subscribers on one epoll, read by one thread that counts and discards."""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Sequence

from bench.load.dialects import Dialect, Refused
from bench.load.frames import (
    CLOSE,
    PING,
    PONG,
    TEXT,
    client_frame,
    end_of_frames,
    frames_of,
    has_short_frame,
    is_one_frame,
)
from bench.load.latency import Latencies
from bench.load.message import MARK, STAMP_DIGITS

PING_LINE = b"{}"
"""A Centrifuge ping, which may share a frame with messages; no message or envelope contains these two bytes."""

_READ_BYTES = 8192
_EVENTS = 256
_SILENCE_S = 10.0


class Swarm:
    """Subscribers of one channel.

    The first of them is the witness: everything it receives is kept, so that afterwards its messages can be checked
    one by one. Of the others only the number of messages and their latency is kept.
    """

    def __init__(self, connections: Sequence[socket.socket], dialect: Dialect) -> None:
        self.latencies = Latencies()
        self.transcript: list[bytes] = []
        self.witness_bytes = 0
        self._dialect = dialect
        self._connections = {connection.fileno(): connection for connection in connections}
        self._witness = connections[0].fileno()
        self._unfinished: dict[int, bytes] = {}
        self._epoll = select.epoll()
        for descriptor in self._connections:
            self._epoll.register(descriptor, select.EPOLLIN)

    def __len__(self) -> int:
        return len(self._connections)

    def receive(self, deliveries: int) -> None:
        """Return when that many messages have arrived, over all subscribers together.

        This is the loop that must be cheaper than any server: one read, one look at the frame's length, one count.
        With a whole frame in the chunk (nearly always) it costs 0.5 us over the two system calls. Names are bound
        outside for that reason.

        Raises:
            Refused: silence, or a subscriber was closed.
        """
        poll, read, now = self._epoll.poll, os.read, time.monotonic_ns
        record, unfinished, witness = self.latencies.packed.append, self._unfinished, self._witness
        left = deliveries
        while left > 0:
            events = poll(_SILENCE_S, _EVENTS)
            if not events:
                raise Refused(f"{left} of {deliveries} messages have not arrived")
            for descriptor, _ in events:
                chunk = read(descriptor, _READ_BYTES)
                if descriptor in unfinished or not is_one_frame(chunk) or PING_LINE in chunk:
                    chunk = self._whole_frames(descriptor, chunk)
                stamp = chunk.find(MARK) + len(MARK)
                if stamp < len(MARK):
                    continue
                messages = chunk.count(MARK)
                record((now() - int(chunk[stamp : stamp + STAMP_DIGITS])) << 8 | messages)
                left -= messages
                if descriptor == witness:
                    self.transcript.append(chunk)
                    self.witness_bytes += len(chunk)

    def forget(self) -> None:
        """Begin a phase: drop what the last one left behind."""
        self.latencies.clear()
        self.transcript.clear()

    def close(self) -> None:
        self._epoll.close()
        for connection in self._connections.values():
            with contextlib.suppress(OSError):
                connection.close()

    def _whole_frames(self, descriptor: int, chunk: bytes) -> bytes:
        """The whole frames that are there; a rest is kept for the next read, pings are answered on the way."""
        if not chunk:
            raise Refused("a subscriber was closed")
        buffer = self._unfinished.pop(descriptor, b"") + chunk
        end = end_of_frames(buffer)
        if end < len(buffer):
            self._unfinished[descriptor] = buffer[end:]
        whole = buffer[:end]
        if has_short_frame(whole) or PING_LINE in whole:
            self._answer(descriptor, whole)
        return whole

    def _answer(self, descriptor: int, whole: bytes) -> None:
        for opcode, payload in frames_of(whole):
            if opcode == CLOSE:
                raise Refused(f"a subscriber was closed: {payload!r}")
            reply = client_frame(payload, PONG) if opcode == PING else b""
            if opcode == TEXT:
                reply = self._dialect.keepalive(payload)
            if reply:
                self._connections[descriptor].sendall(reply)
