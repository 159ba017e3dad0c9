"""Durable mutations of shared state: how many a second with many writers, and how soon they are on all devices.

Each of 64 users has a document and a device that writes to it. Then each has three more devices that follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bench.flush import SLOW_MS, Flush
from bench.load import on_request, orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage
from bench.subjects.commits import PGBENCH

DEVICES = 4


@dataclass(frozen=True)
class Metrics:
    """Of one database."""

    scenario: str

    @property
    def per_second(self) -> Metric:
        return Metric(self.scenario, "mutations per second", "/s")

    @property
    def per_second_slow(self) -> Metric:
        return Metric(self.scenario, f"mutations per second, a flush takes {SLOW_MS:g} ms", "/s")

    @property
    def cpu(self) -> Metric:
        return Metric(self.scenario, "server CPU per mutation", "us")

    @property
    def per_second_followed(self) -> Metric:
        return Metric(self.scenario, f"mutations per second, {DEVICES} devices each", "/s")

    def at_half_load(self, what: str) -> Metric:
        return Metric(self.scenario, f"{DEVICES} devices each, half of that: {what}", "ms")

    @property
    def p99_everywhere(self) -> Metric:
        return self.at_half_load("on all devices, p99")


SQLITE = Metrics("mutations_sqlite")
POSTGRES = Metrics("mutations_postgres")


def _measure(metrics: Metrics, stage: Stage) -> Iterator[Value]:
    steps = _at_the_driver if stage.target.dialect == on_request.DIALECT else _through_the_server
    yield from steps(metrics, stage)


def _at_the_driver(metrics: Metrics, stage: Stage) -> Iterator[Value]:
    stage.ask(orders.Work(stage.target, stage.plan.warm_up_s), orders.Worked)
    order = orders.Work(stage.target, stage.plan.mutations_s)
    for metric, flush_ms in ((metrics.per_second, 0.0), (metrics.per_second_slow, SLOW_MS)):
        with _flush(stage).at_least(flush_ms):
            phase = _worked(stage, order).phase
        yield Value(metric, phase.done / phase.elapsed_s)


def _worked(stage: Stage, order: orders.Work) -> orders.Worked:
    """The processes of pgbench take their CPU time with them, which would then count as somebody else's."""
    if stage.subject.name == PGBENCH:
        return stage.ask(order, orders.Worked)
    return stage.measured(order, orders.Worked)[0]


def _through_the_server(metrics: Metrics, stage: Stage) -> Iterator[Value]:
    plan = stage.plan
    _enlist(stage, devices=1)
    alone, cpu_us = stage.measured(orders.Write(plan.mutations_s), orders.Looped)
    yield Value(metrics.per_second, alone.phase.requests / alone.phase.elapsed_s)
    yield Value(metrics.cpu, cpu_us / alone.phase.requests)
    with _flush(stage).at_least(SLOW_MS):
        slow, _ = stage.measured(orders.Write(plan.mutations_s), orders.Looped)
    yield Value(metrics.per_second_slow, slow.phase.requests / slow.phase.elapsed_s)
    _enlist(stage, devices=DEVICES)
    followed, _ = stage.measured(orders.Write(plan.mutations_s), orders.Looped)
    capacity = followed.phase.requests / followed.phase.elapsed_s
    yield Value(metrics.per_second_followed, capacity)
    yield from _at_half_load(metrics, stage, capacity / 2)


def _at_half_load(metrics: Metrics, stage: Stage, per_second: float) -> Iterator[Value]:
    stage.settle()
    phase = stage.measured(orders.WritePaced(per_second, stage.plan.paced_s), orders.Paced)[0].phase
    yield Value(metrics.at_half_load("acknowledged, p50"), phase.acknowledged_p50_ms)
    yield Value(metrics.at_half_load("acknowledged, p99"), phase.acknowledged_p99_ms)
    yield Value(metrics.at_half_load("on all devices, p50"), phase.everywhere_p50_ms)
    yield Value(metrics.p99_everywhere, phase.everywhere_p99_ms)


def _enlist(stage: Stage, *, devices: int) -> None:
    stage.ask(orders.Enlist(stage.target, stage.plan.writers, devices), orders.Done)
    stage.ask(orders.Write(stage.plan.warm_up_s), orders.Looped)
    stage.settle()


def _flush(stage: Stage) -> Flush:
    if stage.server.flush is None:
        raise ValueError(f"{stage.subject.name} has no database")
    return stage.server.flush


MEASURES: dict[str, Callable[[Stage], Iterator[Value]]] = {
    metrics.scenario: partial(_measure, metrics) for metrics in (SQLITE, POSTGRES)
}
