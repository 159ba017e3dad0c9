"""Rows that a backend has committed to the outbox: how fast they reach a subscriber, and what each costs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from bench.load import orders
from bench.load.message import message
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

CHANNEL = "bench"


@dataclass(frozen=True)
class Metrics:
    """Of one database."""

    scenario: str

    @property
    def per_second(self) -> Metric:
        return Metric(self.scenario, "rows per second", "/s")

    @property
    def cpu(self) -> Metric:
        return Metric(self.scenario, "server CPU per row", "us")

    @property
    def noticed_after(self) -> Metric:
        return Metric(self.scenario, "from the commit to the first row", "ms")


SQLITE = Metrics("outbox_sqlite")
POSTGRES = Metrics("outbox_postgres")


def _measure(metrics: Metrics, stage: Stage) -> Iterator[Value]:
    """All rows are one transaction's and of one channel, the order of which is checked."""
    count = stage.plan.rows
    stage.ask(orders.Open(stage.target, CHANNEL, 1), orders.Opened)
    stage.ask(orders.Gather(stage.target, CHANNEL), orders.Done)
    _committed(stage, 0, stage.plan.warm_up_rows)
    arrived, cpu_us = _committed(stage, stage.plan.warm_up_rows, count)
    phase = arrived.phase
    yield Value(metrics.per_second, phase.messages / phase.elapsed_s)
    yield Value(metrics.cpu, cpu_us / count)
    yield Value(metrics.noticed_after, phase.began_after_s * 1e3)


def _committed(stage: Stage, first: int, count: int) -> tuple[orders.Arrived, float]:
    source = stage.server.source
    if source is None:
        raise ValueError(f"{stage.subject.name} has no outbox")
    source.fill([message(first + number, stage.plan.message_bytes) for number in range(count)])
    stage.settle()
    return stage.measured(orders.Await(stage.target, first, count), orders.Arrived, once_begun=source.release)


MEASURES: dict[str, Callable[[Stage], Iterator[Value]]] = {
    metrics.scenario: partial(_measure, metrics) for metrics in (SQLITE, POSTGRES)
}
