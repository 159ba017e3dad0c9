"""What the closed loops send, and how they know that it has been answered."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from bench.load.closed_loop import Answered
from bench.load.dialects import Dialect, Refused
from bench.load.frames import CLOSE, end_of_frames, frames_of
from bench.load.message import message
from bench.load.target import Target

_ANSWER = b'"id":'


def messages(count: int, message_bytes: int) -> list[bytes]:
    return [message(number, message_bytes) for number in range(count)]


def http_connections(target: Target, count: int) -> list[socket.socket]:
    connections = [socket.create_connection((target.host, target.publisher_port)) for _ in range(count)]
    for connection in connections:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connections


def publish_request(target: Target, dialect: Dialect, channel: str, published: Sequence[bytes]) -> bytes:
    [post] = dialect.posts(channel, published)
    return target.post_request(post.path, post.body)


def command_answers(expected: int) -> Answered:
    """Counts answers over however many frames the server spreads them.

    A ping in between is left unanswered: a phase is shorter than any server's patience.
    """

    def answered(buffer: bytes) -> int:
        end = end_of_frames(buffer)
        whole = buffer[:end]
        if b'"error"' not in whole and whole.count(_ANSWER) >= expected:
            return end
        _check_frames(whole)
        return 0

    return answered


def _check_frames(whole: bytes) -> None:
    for frame in frames_of(whole):
        if frame.opcode == CLOSE or b'"error"' in frame.payload:
            raise Refused(f"instead of an answer: {frame.payload[:300]!r}")
