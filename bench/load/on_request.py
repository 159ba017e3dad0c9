"""Asks a process of `bench.floors.on_request` to work."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterator

import msgspec

from bench.floors.on_request import WorkOrder, WorkReport
from bench.load.dialects import Refused
from bench.load.target import Target

DIALECT = "on-request"

_GRACE_S = 30.0


def have_done(target: Target, seconds: float) -> WorkReport:
    """Returns when the work is over.

    Raises:
        Refused: the process ended meanwhile.
    """
    with _ordered(target, WorkOrder(seconds=seconds), seconds + _GRACE_S) as answer:
        return answer()


def have_taken(target: Target, messages: int) -> WorkReport:
    """The same for one that takes messages: it is over when it has so many, and its time counts from the first."""
    with taking(target, messages) as answer:
        return answer()


def taking(target: Target, messages: int) -> contextlib.AbstractContextManager[Callable[[], WorkReport]]:
    """It takes what the block sends; what it gives waits for the end of that."""
    return _ordered(target, WorkOrder(messages=messages), _GRACE_S)


@contextlib.contextmanager
def _ordered(target: Target, order: WorkOrder, within_s: float) -> Iterator[Callable[[], WorkReport]]:
    with socket.create_connection((target.host, target.port), within_s) as connection:
        connection.sendall(msgspec.json.encode(order) + b"\n")
        yield lambda: _answer(connection)


def _answer(connection: socket.socket) -> WorkReport:
    answer = connection.makefile("rb").readline()
    if not answer:
        raise Refused("the work was not finished")
    return msgspec.json.decode(answer, type=WorkReport)
