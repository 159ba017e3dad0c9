"""One port, one worker or two: what the second brings, and what it costs.

The fan-out is the same as everywhere. With two cores the generator and Redis need a part of what the second worker
would take, so beside the rate stands what all of it costs: it can rise to `cores / CPU of everything per delivery`.
"""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.fan_out import gather
from bench.scenarios.stage import Stage

NAME = "workers"
CHANNEL = "bench"


class Metrics:
    """Of one way to publish.

    Attributes:
        capacity: deliveries divided by the CPU time of the worker that spent most: the rate at which its core is full.
    """

    def __init__(self, phase: str) -> None:
        self.per_second = Metric(NAME, f"{phase}: deliveries per second", "/s")
        self.capacity = Metric(NAME, f"{phase}: deliveries per second with a core for each", "/s")
        self.cpu = Metric(NAME, f"{phase}: workers' CPU per delivery", "us")
        self.cpu_of_all = Metric(NAME, f"{phase}: CPU per delivery with Redis and the generator", "us")
        self.p99 = Metric(NAME, f"{phase}: latency p99", "ms")


ONE_AT_A_TIME = Metrics("one at a time")
IN_BURSTS = Metrics("bursts of 16")


def measure(stage: Stage) -> Iterator[Value]:
    gather(stage, CHANNEL)
    yield from _phase(stage, ONE_AT_A_TIME, 1)
    yield from _phase(stage, IN_BURSTS, stage.plan.burst)


def _phase(stage: Stage, metrics: Metrics, burst: int) -> Iterator[Value]:
    plan = stage.plan
    stage.ask(orders.FanOut(plan.warm_up_s, burst, plan.message_bytes), orders.FannedOut)
    others_before_ns, before_ns = _cpu_of_others_ns(stage), stage.processes.cpu_ns_by_process()
    answer, cpu_us = stage.measured(orders.FanOut(plan.phase_s, burst, plan.message_bytes), orders.FannedOut)
    after_ns = stage.processes.cpu_ns_by_process()
    others_us = (_cpu_of_others_ns(stage) - others_before_ns) / 1e3
    phase, busiest_ns = answer.phase, max(ns - before_ns.get(pid, 0) for pid, ns in after_ns.items())
    yield Value(metrics.per_second, phase.deliveries / phase.elapsed_s)
    yield Value(metrics.capacity, phase.deliveries / busiest_ns * 1e9)
    yield Value(metrics.cpu, cpu_us / phase.deliveries)
    yield Value(metrics.cpu_of_all, (cpu_us + others_us) / phase.deliveries)
    yield Value(metrics.p99, phase.p99_ms)


def _cpu_of_others_ns(stage: Stage) -> int:
    others = [stage.generator.processes, *([stage.beside] if stage.beside else [])]
    return sum(other.cpu_ns() for other in others)
