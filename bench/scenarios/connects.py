"""A storm of new clients: upgrade, connect and subscribe, as one handshake each."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

NAME = "connects"
CHANNEL = "bench"


def _metrics(phase: str) -> tuple[Metric, Metric]:
    return (
        Metric(NAME, f"{phase}: server CPU per connection", "us"),
        Metric(NAME, f"{phase}: connections per second", "/s"),
    )


NO_TOKEN = _metrics("no token")
OWN_TOKEN = _metrics("a token each, first time")
SAME_TOKEN = _metrics("a token each, again")
CPU_NO_TOKEN, CPU_SAME_TOKEN = NO_TOKEN[0], SAME_TOKEN[0]


def measure(stage: Stage) -> Iterator[Value]:
    stage.ask(orders.Open(stage.target, CHANNEL, stage.plan.warm_up_connects), orders.Opened)
    stage.close_connections()
    yield from _storm(stage, NO_TOKEN, with_tokens=False)
    if stage.subject.speaks_centrifuge:
        yield from _storm(stage, OWN_TOKEN, with_tokens=True)
        yield from _storm(stage, SAME_TOKEN, with_tokens=True)


def _storm(stage: Stage, metrics: tuple[Metric, Metric], *, with_tokens: bool) -> Iterator[Value]:
    count = stage.plan.connects
    opened, cpu_us = stage.measured(orders.Open(stage.target, CHANNEL, count, with_tokens), orders.Opened)
    stage.close_connections()
    yield Value(metrics[0], cpu_us / count)
    yield Value(metrics[1], count / opened.elapsed_s)
