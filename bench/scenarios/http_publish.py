"""A backend publishes over HTTP to a channel that nobody listens to: one message per request, and a hundred."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage
from bench.subjects.peers import NCHAN

NAME = "http_publish"
CHANNEL = "nobody"


def _metrics(phase: str) -> tuple[Metric, Metric]:
    return (
        Metric(NAME, f"{phase}: server CPU per publish", "us"),
        Metric(NAME, f"{phase}: publishes per second", "/s"),
    )


SINGLE = _metrics("single")
BATCH = _metrics("batch of 100")
CPU_SINGLE, CPU_BATCH = SINGLE[0], BATCH[0]


def measure(stage: Stage) -> Iterator[Value]:
    yield from published(stage, SINGLE, per_request=1)
    if stage.subject.name != NCHAN:  # which has no batches
        yield from published(stage, BATCH, per_request=stage.plan.batch)


def published(stage: Stage, metrics: tuple[Metric, Metric], *, per_request: int) -> Iterator[Value]:
    stage.ask(_order(stage, per_request, stage.plan.warm_up_s), orders.Looped)
    stage.settle()
    answer, cpu_us = stage.measured(_order(stage, per_request, stage.plan.phase_s), orders.Looped)
    publishes = answer.phase.requests * per_request
    yield Value(metrics[0], cpu_us / publishes)
    yield Value(metrics[1], publishes / answer.phase.elapsed_s)


def _order(stage: Stage, per_request: int, seconds: float) -> orders.Publishes:
    plan = stage.plan
    return orders.Publishes(stage.target, CHANNEL, plan.http_connections, per_request, seconds, plan.message_bytes)
