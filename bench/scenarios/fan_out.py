"""One channel, many subscribers: what a delivery costs the server, one message at a time and in bursts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

NAME = "fan_out"
CHANNEL = "bench"


@dataclass(frozen=True)
class Metrics:
    """Of one scenario and one way to publish."""

    scenario: str
    phase: str

    @property
    def cpu(self) -> Metric:
        return self._of("server CPU per delivery", "us")

    @property
    def per_second(self) -> Metric:
        return self._of("deliveries per second", "/s")

    @property
    def p50(self) -> Metric:
        return self._of("latency p50", "ms")

    @property
    def p99(self) -> Metric:
        return self._of("latency p99", "ms")

    @property
    def generator_busy(self) -> Metric:
        return self._of("generator busy", "%")

    def _of(self, what: str, unit: str) -> Metric:
        return Metric(self.scenario, f"{self.phase}: {what}", unit)


ONE_AT_A_TIME = Metrics(NAME, "one at a time")
IN_BURSTS = Metrics(NAME, "bursts of 16")
CPU_ONE_AT_A_TIME = ONE_AT_A_TIME.cpu
CPU_IN_BURSTS = IN_BURSTS.cpu
P50_IN_BURSTS, P99_IN_BURSTS = IN_BURSTS.p50, IN_BURSTS.p99


def measure(stage: Stage) -> Iterator[Value]:
    gather(stage, CHANNEL)
    yield from fanned_out(stage, ONE_AT_A_TIME, 1)
    yield from fanned_out(stage, IN_BURSTS, stage.plan.burst)


def gather(stage: Stage, channel: str) -> None:
    """Have the subscribers there, and somebody who publishes to them."""
    stage.ask(orders.Open(stage.target, channel, stage.plan.subscribers), orders.Opened)
    stage.ask(orders.Gather(stage.target, channel), orders.Done)
    stage.settle()


def fanned_out(stage: Stage, metrics: Metrics, burst: int) -> Iterator[Value]:
    plan = stage.plan
    stage.ask(orders.FanOut(plan.warm_up_s, burst, plan.message_bytes), orders.FannedOut)
    answer, cpu_us = stage.measured(orders.FanOut(plan.phase_s, burst, plan.message_bytes), orders.FannedOut)
    phase = answer.phase
    yield Value(metrics.cpu, cpu_us / phase.deliveries)
    yield Value(metrics.per_second, phase.deliveries / phase.elapsed_s)
    yield Value(metrics.p50, phase.p50_ms)
    yield Value(metrics.p99, phase.p99_ms)
    yield Value(metrics.generator_busy, 100 * phase.generator_busy)
