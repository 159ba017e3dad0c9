"""Messages that come of themselves, from a backlog: how fast they reach one subscriber."""

from __future__ import annotations

import time
from itertools import chain

import msgspec

from bench.load.dialects import Refused
from bench.load.message import numbers_in
from bench.load.swarm import Swarm


class ArrivalReport(msgspec.Struct, frozen=True):
    """`messages` came within `elapsed_s` of the first chunk, which is not counted: nobody knows when it was due."""

    messages: int
    elapsed_s: float
    began_after_s: float  # from the order to the first chunk
    generator_busy: float  # share of one core


def run_arrivals(swarm: Swarm, first: int, count: int) -> ArrivalReport:
    """Wait for messages `first` and on to the only subscriber.

    Raises:
        Refused: one is missing, doubled or out of order, or nothing comes any more.
    """
    swarm.forget()
    asked_ns, busy_from_ns = time.monotonic_ns(), time.process_time_ns()
    swarm.receive(1)
    began_ns, in_first_chunk = time.monotonic_ns(), len(_numbers(swarm))
    swarm.receive(count - in_first_chunk)
    ended_ns, busy_ns = time.monotonic_ns(), time.process_time_ns() - busy_from_ns
    received = _numbers(swarm)
    if received != list(range(first, first + count)):
        raise Refused(f"{len(received)} of {count} messages came, or not in order")
    return ArrivalReport(
        count - in_first_chunk,
        (ended_ns - began_ns) / 1e9,
        (began_ns - asked_ns) / 1e9,
        busy_ns / (ended_ns - asked_ns),
    )


def _numbers(swarm: Swarm) -> list[int]:
    return list(chain.from_iterable(map(numbers_in, swarm.transcript)))
