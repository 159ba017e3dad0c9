"""Published on one node, delivered by another: beside the same on one node, without Redis and with it."""

from __future__ import annotations

from collections.abc import Iterator

from bench.results import Value
from bench.scenarios.fan_out import Metrics, fanned_out, gather
from bench.scenarios.stage import Stage

NAME = "cross_node"
CHANNEL, KEPT_CHANNEL = "bench", "kept:bench"

ONE_AT_A_TIME = Metrics(NAME, "one at a time")
IN_BURSTS = Metrics(NAME, "bursts of 16")
KEPT = Metrics(NAME, "one at a time, with history")


def measure(stage: Stage) -> Iterator[Value]:
    gather(stage, CHANNEL)
    yield from fanned_out(stage, ONE_AT_A_TIME, 1)
    yield from fanned_out(stage, IN_BURSTS, stage.plan.burst)
    stage.close_connections()
    gather(stage, KEPT_CHANNEL)
    yield from fanned_out(stage, KEPT, 1)
