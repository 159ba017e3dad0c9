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


FIRST_TIME = _metrics("a token each, first time")
NO_TOKEN = _metrics("no token")
SAME_TOKEN = _metrics("a token each, again")
CPU_NO_TOKEN, CPU_SAME_TOKEN = NO_TOKEN[0], SAME_TOKEN[0]


def measure(stage: Stage) -> Iterator[Value]:
    """The first storm is for all servers, so that those which are compared come to a server with the same past.

    A server without tokens has nothing to show in it. Its values would be a second "no token", and are dropped.
    """
    stage.ask(orders.Open(stage.target, CHANNEL, stage.plan.warm_up_connects), orders.Opened)
    stage.close_connections()
    has_tokens = stage.subject.speaks_centrifuge
    first_time = _storm(stage, FIRST_TIME, with_tokens=has_tokens)
    no_token = _storm(stage, NO_TOKEN, with_tokens=False)
    if has_tokens:
        yield from first_time
        yield from _storm(stage, SAME_TOKEN, with_tokens=True)
    yield from no_token


def _storm(stage: Stage, metrics: tuple[Metric, Metric], *, with_tokens: bool) -> list[Value]:
    count = stage.plan.connects
    opened, cpu_us = stage.measured(orders.Open(stage.target, CHANNEL, count, with_tokens), orders.Opened)
    stage.close_connections()
    return [Value(metrics[0], cpu_us / count), Value(metrics[1], count / opened.elapsed_s)]
