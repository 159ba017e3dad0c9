"""One of many subscribers stops reading: what it costs, when it is gone, and what the others notice."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bench.load import orders
from bench.load.stall import StallReport
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

NAME = "slow_client"
CHANNEL = "bench"

COST = Metric(NAME, "memory it costs the server", "MiB")
GONE_AFTER_FULL = Metric(NAME, "gone, after 1 MiB was pending or less", "s")
FULL_AFTER = Metric(NAME, "until then, from its last read", "s")
P99_WITHOUT = Metric(NAME, "others' latency p99 without it", "ms")
P99_WITH = Metric(NAME, "others' latency p99 with it", "ms")


def measure(stage: Stage) -> Iterator[Value]:
    plan, pid = stage.plan, stage.processes.pid
    stage.ask(orders.Open(stage.target, CHANNEL, plan.subscribers), orders.Opened)
    stage.ask(orders.Gather(stage.target, CHANNEL), orders.Done)
    flood = orders.Flood(pid, plan.flood_bursts, plan.burst, plan.message_bytes)
    stage.ask(flood, orders.Flooded)
    without, _ = stage.measured(flood, orders.Flooded)
    stall = orders.Stall(stage.target, CHANNEL, pid, plan.give_up_after_s, plan.burst, plan.message_bytes)
    with_it, _ = stage.measured(stall, orders.Stalled)
    yield Value(COST, (with_it.stall.rss_growth_bytes - without.rss_growth_bytes) / 2**20)
    yield Value(FULL_AFTER, with_it.stall.full_after_s)
    yield Value(GONE_AFTER_FULL, gone_after_full_s(with_it.stall))
    yield Value(P99_WITHOUT, without.phase.p99_ms)
    yield Value(P99_WITH, with_it.phase.p99_ms)


def gone_after_full_s(stall: StallReport) -> float:
    """Infinite if the server never let go."""
    return math.inf if stall.gone_after_s is None else stall.gone_after_s - stall.full_after_s
