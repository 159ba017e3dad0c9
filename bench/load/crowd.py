"""Connections of many sessions, and which of them the server closes."""

from __future__ import annotations

import select
import socket
import time

from bench.load.dialects import Refused
from bench.load.frames import CLOSE, TEXT, Frame, client_frame, end_of_frames, frames_of

SESSION_REVOKED = 3590
"""docs/sessions.md, section 5."""

SILENCE_S = 10.0

_READ_BYTES = 65536
_PING, _PONG = b"{}", client_frame(b"{}")
_PROBE = client_frame(b'{"id":9,"rpc":{"method":"bench.alive"}}')
_PROBE_ANSWER = b'{"id":9,'


class _Connection:
    __slots__ = ("sid", "socket", "unfinished")

    def __init__(self, connection: socket.socket, sid: str) -> None:
        self.socket = connection
        self.sid = sid
        self.unfinished = b""


class Crowd:
    """Whoever is not supposed to be closed and is, ends the measurement: every method raises Refused for that."""

    def __init__(self, epoll: select.epoll) -> None:
        self._epoll = epoll
        self._connections: dict[int, _Connection] = {}

    def __len__(self) -> int:
        return len(self._connections)

    def add(self, sid: str, connection: socket.socket) -> None:
        self._connections[connection.fileno()] = _Connection(connection, sid)
        self._epoll.register(connection, select.EPOLLIN)

    def closed_ns(self, descriptor: int, revoked: str) -> int:
        """Read what has come: when it closed a connection of the revoked session, 0 when it was something else."""
        connection = self._connections[descriptor]
        for opcode, payload in _frames(connection):
            if opcode == CLOSE:
                closed_ns = time.monotonic_ns()
                _check_close(connection, payload, revoked)
                self._forget(descriptor)
                return closed_ns
            if opcode == TEXT and _PING in payload.split(b"\n"):
                connection.socket.sendall(_PONG)
        return 0

    def probe(self) -> None:
        """Every connection that is left must still answer; an error is an answer."""
        waiting = set(self._connections)
        for connection in self._connections.values():
            connection.socket.sendall(_PROBE)
        while waiting:
            for descriptor in readable(self._epoll):
                if self._has_answered(self._connections[descriptor]):
                    waiting.discard(descriptor)

    def close(self) -> None:
        for connection in self._connections.values():
            connection.socket.close()

    def _has_answered(self, connection: _Connection) -> bool:
        has_answered = False
        for opcode, payload in _frames(connection):
            if opcode == CLOSE:
                raise Refused(f"a connection of a live session was closed: {payload!r}")
            has_answered |= any(line.startswith(_PROBE_ANSWER) for line in payload.split(b"\n"))
        return has_answered

    def _forget(self, descriptor: int) -> None:
        connection = self._connections.pop(descriptor)
        self._epoll.unregister(connection.socket)
        connection.socket.close()


def readable(epoll: select.epoll) -> list[int]:
    events = epoll.poll(SILENCE_S, 256)
    if not events:
        raise Refused("silence: a connection that should be closed is open, or an answer does not come")
    return [descriptor for descriptor, _ in events]


def _frames(connection: _Connection) -> list[Frame]:
    chunk = connection.socket.recv(_READ_BYTES)
    if not chunk:
        raise Refused("a connection was closed without a code")
    buffer = connection.unfinished + chunk
    end = end_of_frames(buffer)
    connection.unfinished = buffer[end:]
    return list(frames_of(buffer[:end]))


def _check_close(connection: _Connection, payload: bytes, revoked: str) -> None:
    if connection.sid != revoked:
        raise Refused(f"a connection of another session was closed: {payload!r}")
    if int.from_bytes(payload[:2], "big") != SESSION_REVOKED:
        raise Refused(f"closed, but with {payload!r}")
