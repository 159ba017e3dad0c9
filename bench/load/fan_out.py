"""Publishes, waits until every subscriber has everything, and publishes again."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import chain

import msgspec

from bench.load.dialects import Refused
from bench.load.latency import MAX_WEIGHT
from bench.load.message import message, numbers_in
from bench.load.publisher import Publisher
from bench.load.swarm import Swarm


class FanOutReport(msgspec.Struct, frozen=True):
    messages: int
    deliveries: int
    elapsed_s: float
    p50_ms: float
    p99_ms: float
    generator_busy: float  # share of one core


AfterBurst = Callable[[], bool]
"""Called when a burst has reached everybody; False ends the phase."""


def run_fan_out(
    swarm: Swarm, publisher: Publisher, *, burst: int, message_bytes: int, after_burst: AfterBurst
) -> FanOutReport:
    """A closed loop: a message is never published into the backlog of the one before.

    Raises:
        Refused: a message was lost, doubled or out of order at the witness, or nothing arrives any more.
    """
    if burst > MAX_WEIGHT:
        raise ValueError(f"a burst of {burst}: one chunk's weight would not fit in {MAX_WEIGHT}")
    swarm.forget()
    sent = 0
    started_ns, busy_from_ns = time.monotonic_ns(), time.process_time_ns()
    more = True
    while more:
        publisher.publish([message(sent + index, message_bytes) for index in range(burst)])
        sent += burst
        swarm.receive(burst * len(swarm))
        publisher.settle()
        more = after_burst()
    elapsed_ns, busy_ns = time.monotonic_ns() - started_ns, time.process_time_ns() - busy_from_ns
    _check_witness(swarm, sent)
    p50_ms, p99_ms = swarm.latencies.percentiles_ms(0.50, 0.99)
    return FanOutReport(sent, sent * len(swarm), elapsed_ns / 1e9, p50_ms, p99_ms, busy_ns / elapsed_ns)


def for_seconds(seconds: float) -> AfterBurst:
    deadline_ns = time.monotonic_ns() + int(seconds * 1e9)
    return lambda: time.monotonic_ns() < deadline_ns


def _check_witness(swarm: Swarm, sent: int) -> None:
    received = list(chain.from_iterable(map(numbers_in, swarm.transcript)))
    if received != list(range(sent)):
        raise Refused(f"the witness received {len(received)} of {sent} messages, or not in order")
