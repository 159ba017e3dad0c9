"""Publishes to Redis at a steady pace, over a plain socket: what a subscriber to Redis costs is measured with it."""

from __future__ import annotations

import contextlib
import socket
import time

import msgspec

from bench.load.dialects import Refused
from bench.load.message import message

GROUP = 32
"""Published in one write: nodes that are busy send so, and a subscriber finds them together."""

_SILENCE_S = 10.0
_HEARD_BY_ONE = b":1\r\n"


class Doorbell(msgspec.Struct, frozen=True):
    """Where a subscriber hears of messages, and what it expects around each."""

    port: int
    channel: str
    before: str = ""
    after: str = ""

    def publish(self, data: bytes) -> bytes:
        channel, body = self.channel.encode(), b"%s%s%s" % (self.before.encode(), data, self.after.encode())
        return b"*3\r\n$7\r\nPUBLISH\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (len(channel), channel, len(body), body)


def feed(doorbell: Doorbell, *, count: int, per_second: float, message_bytes: int) -> None:
    """So many messages; returns when Redis has handed all of them to the one subscriber.

    Raises:
        Refused: nobody was subscribed, or more than one.
    """
    with socket.create_connection(("127.0.0.1", doorbell.port), _SILENCE_S) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        interval_ns, due_ns = int(GROUP / per_second * 1e9), time.monotonic_ns()
        for first in range(0, count, GROUP):
            _wait_until(due_ns)
            size = min(GROUP, count - first)
            connection.sendall(b"".join(doorbell.publish(message(first + i, message_bytes)) for i in range(size)))
            _check_answers(connection, size)
            due_ns += interval_ns


def _check_answers(connection: socket.socket, expected: int) -> None:
    answers = b""
    while len(answers) < expected * len(_HEARD_BY_ONE) and (chunk := connection.recv(65536)):
        answers += chunk
    if answers != _HEARD_BY_ONE * expected:
        raise Refused(f"Redis says of messages for one subscriber: {answers[:100]!r}")


def _wait_until(due_ns: int) -> None:
    """To the microsecond where the core has nothing else to do."""
    with contextlib.suppress(ValueError):  # it is already past
        time.sleep((due_ns - time.monotonic_ns()) / 1e9)
