"""Asks a process of `bench.floors.on_request` to work."""

from __future__ import annotations

import socket

import msgspec

from bench.floors.on_request import WorkOrder, WorkReport
from bench.load.dialects import Refused
from bench.load.target import Target

_GRACE_S = 30.0


def have_done(target: Target, seconds: float) -> WorkReport:
    """Returns when the work is over.

    Raises:
        Refused: the process ended meanwhile.
    """
    with socket.create_connection((target.host, target.port), seconds + _GRACE_S) as connection:
        connection.sendall(msgspec.json.encode(WorkOrder(seconds)) + b"\n")
        answer = connection.makefile("rb").readline()
    if not answer:
        raise Refused("the work was not finished")
    return msgspec.json.decode(answer, type=WorkReport)
