"""Opens joined connections: TCP, upgrade, and whatever the dialect says until the server has let the client in."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator, Sequence

from bench.load.dialects import Dialect, Refused
from bench.load.frames import CLOSE, TEXT, end_of_frames, frames_of
from bench.load.target import Target

IN_FLIGHT = 32
"""Handshakes under way at once: enough that the server is never idle, few enough for any listen backlog."""

_SILENCE_S = 10.0


SocketOption = tuple[int, int, int]


class _Handshake:
    __slots__ = ("buffer", "connection", "is_upgraded", "opening")

    def __init__(self, connection: socket.socket, opening: bytes) -> None:
        self.connection = connection
        self.opening = opening
        self.buffer = b""
        self.is_upgraded = False


class Dialer:
    """`options` are set before the TCP handshake, which is when the kernel settles window and segment size."""

    def __init__(self, target: Target, dialect: Dialect, channel: str, options: Sequence[SocketOption] = ()) -> None:
        self._target = target
        self._options = [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1), *options]
        self._dialect = dialect
        self._upgrade = target.upgrade_request(channel)
        self._epoll = select.epoll()
        self._under_way: dict[int, _Handshake] = {}
        self._joined: list[socket.socket] = []

    def dial(self, openings: Sequence[bytes]) -> list[socket.socket]:
        """One joined, non-blocking connection per opening frame, in the order in which they got in.

        Raises:
            Refused: an upgrade, connect or subscribe was denied, or the server fell silent.
        """
        pending = iter(openings)
        while len(self._joined) < len(openings):
            self._fill(pending)
            events = self._epoll.poll(_SILENCE_S, IN_FLIGHT)
            if not events:
                raise Refused(f"{len(self._joined)} of {len(openings)} joined, then {_SILENCE_S:.0f} s of silence")
            for descriptor, _ in events:
                self._progress(self._under_way[descriptor])
        self._epoll.close()
        return self._joined

    def _fill(self, pending: Iterator[bytes]) -> None:
        while len(self._under_way) < IN_FLIGHT and (opening := next(pending, None)) is not None:
            connection = self._connect()
            connection.sendall(self._upgrade)
            self._under_way[connection.fileno()] = _Handshake(connection, opening)
            self._epoll.register(connection, select.EPOLLIN)

    def _connect(self) -> socket.socket:
        """Blocking, which on loopback lasts no longer than the system call."""
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        for level, option, value in self._options:
            connection.setsockopt(level, option, value)
        connection.connect((self._target.host, self._target.port))
        return connection

    def _progress(self, handshake: _Handshake) -> None:
        chunk = handshake.connection.recv(65536)
        if not chunk:
            raise Refused(f"closed while joining, after {handshake.buffer[:300]!r}")
        handshake.buffer += chunk
        if not handshake.is_upgraded and not self._upgraded(handshake):
            return
        if self._is_joined(handshake):
            self._release(handshake)

    def _upgraded(self, handshake: _Handshake) -> bool:
        head, separator, rest = handshake.buffer.partition(b"\r\n\r\n")
        if not separator:
            return False
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise Refused(f"no upgrade: {handshake.buffer[:300].decode(errors='replace')}")
        handshake.is_upgraded = True
        handshake.buffer = rest
        if handshake.opening:
            handshake.connection.sendall(handshake.opening)
        return True

    def _is_joined(self, handshake: _Handshake) -> bool:
        joined = self._dialect.joins_on_upgrade
        end = end_of_frames(handshake.buffer)
        for frame in frames_of(handshake.buffer[:end]):
            if frame.opcode == CLOSE:
                raise Refused(f"closed while joining: {frame.payload!r}")
            if frame.opcode == TEXT and not joined:
                reply, joined = self._dialect.advance(frame.payload)
                if reply:
                    handshake.connection.sendall(reply)
        handshake.buffer = handshake.buffer[end:]
        return joined

    def _release(self, handshake: _Handshake) -> None:
        self._epoll.unregister(handshake.connection)
        del self._under_way[handshake.connection.fileno()]
        handshake.connection.setblocking(False)
        self._joined.append(handshake.connection)
