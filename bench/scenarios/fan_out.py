"""One channel, many subscribers: what a delivery costs the server, one message at a time and in bursts."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

NAME = "fan_out"
CHANNEL = "bench"


def _metrics(phase: str) -> tuple[Metric, ...]:
    return (
        Metric(NAME, f"{phase}: server CPU per delivery", "us"),
        Metric(NAME, f"{phase}: deliveries per second", "/s"),
        Metric(NAME, f"{phase}: latency p50", "ms"),
        Metric(NAME, f"{phase}: latency p99", "ms"),
        Metric(NAME, f"{phase}: generator busy", "%"),
    )


ONE_AT_A_TIME = _metrics("one at a time")
IN_BURSTS = _metrics("bursts of 16")
CPU_ONE_AT_A_TIME = ONE_AT_A_TIME[0]
CPU_IN_BURSTS = IN_BURSTS[0]
P50_IN_BURSTS, P99_IN_BURSTS = IN_BURSTS[2], IN_BURSTS[3]


def measure(stage: Stage) -> Iterator[Value]:
    stage.ask(orders.Open(stage.target, CHANNEL, stage.plan.subscribers), orders.Opened)
    stage.ask(orders.Gather(stage.target, CHANNEL), orders.Done)
    stage.settle()
    for metrics, burst in ((ONE_AT_A_TIME, 1), (IN_BURSTS, stage.plan.burst)):
        yield from _phase(stage, metrics, burst)


def _phase(stage: Stage, metrics: tuple[Metric, ...], burst: int) -> Iterator[Value]:
    plan = stage.plan
    stage.ask(orders.FanOut(plan.warm_up_s, burst, plan.message_bytes), orders.FannedOut)
    answer, cpu_us = stage.measured(orders.FanOut(plan.phase_s, burst, plan.message_bytes), orders.FannedOut)
    phase = answer.phase
    values = (
        cpu_us / phase.deliveries,
        phase.deliveries / phase.elapsed_s,
        phase.p50_ms,
        phase.p99_ms,
        100 * phase.generator_busy,
    )
    for metric, value in zip(metrics, values, strict=True):
        yield Value(metric, value)
