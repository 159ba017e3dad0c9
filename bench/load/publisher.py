"""The connection that publishes: HTTP where the server has an API for it, else a WebSocket."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from typing import Protocol

from bench.load.dialects import Dialect, Refused
from bench.load.frames import TEXT, end_of_frames, frames_of
from bench.load.responses import response_end
from bench.load.target import Target

_SILENCE_S = 10.0


class Publisher(Protocol):
    def publish(self, messages: Sequence[bytes]) -> None:
        """Hand the messages to the server in one write."""
        ...

    def settle(self) -> None:
        """Take the server's answers, which by now are there."""
        ...

    def close(self) -> None: ...


def open_publisher(target: Target, dialect: Dialect, channel: str) -> Publisher:
    connection = socket.create_connection((target.host, target.publisher_port), timeout=_SILENCE_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if dialect.publishes_by_http:
        return _HttpPublisher(connection, target, dialect, channel)
    return _SocketPublisher(connection, target, dialect)


class _HttpPublisher:
    def __init__(self, connection: socket.socket, target: Target, dialect: Dialect, channel: str) -> None:
        self._connection = connection
        self._target = target
        self._dialect = dialect
        self._channel = channel
        self._unanswered = 0

    def publish(self, messages: Sequence[bytes]) -> None:
        posts = self._dialect.posts(self._channel, messages)
        self._unanswered += len(posts)
        self._connection.sendall(b"".join(self._target.post_request(path, body) for path, body in posts))

    def settle(self) -> None:
        buffer = b""
        while self._unanswered:
            while (end := response_end(buffer)) == 0:
                buffer += self._read()
            buffer = buffer[end:]
            self._unanswered -= 1

    def close(self) -> None:
        self._connection.close()

    def _read(self) -> bytes:
        chunk = self._connection.recv(65536)
        if not chunk:
            raise Refused("the server closed the publisher's connection")
        return chunk


class _SocketPublisher:
    def __init__(self, connection: socket.socket, target: Target, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect
        self._buffer = b""
        connection.sendall(target.publisher_upgrade_request())
        self._upgrade()
        if not dialect.joins_on_upgrade:
            self._join()

    def publish(self, messages: Sequence[bytes]) -> None:
        self._connection.sendall(self._dialect.emits(messages))

    def settle(self) -> None:
        """These servers do not answer a publisher."""

    def close(self) -> None:
        self._connection.close()

    def _upgrade(self) -> None:
        while b"\r\n\r\n" not in self._buffer:
            self._read()
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        if b" 101 " not in head:
            raise Refused(f"no upgrade for the publisher: {head[:300]!r}")

    def _join(self) -> None:
        joined = False
        while not joined:
            end = end_of_frames(self._buffer)
            for frame in frames_of(self._buffer[:end]):
                if frame.opcode == TEXT and not joined:
                    reply, joined = self._dialect.advance(frame.payload)
                    self._connection.sendall(reply)
            self._buffer = self._buffer[end:]
            if not joined:
                self._read()

    def _read(self) -> None:
        chunk = self._connection.recv(65536)
        if not chunk:
            raise Refused("the server closed the publisher's connection")
        self._buffer += chunk
