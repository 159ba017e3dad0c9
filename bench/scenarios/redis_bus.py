"""What a node's connection to Redis costs it: a message that comes, and a message that goes and is answered."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

NAME = "redis_bus"

CPU_RECEIVE = Metric(NAME, "receive: client CPU per message", "us")
CPU_PUBLISH = Metric(NAME, "publish: client CPU per message", "us")
_PUBLISHES = Metric(NAME, "publish: messages per second", "/s")


def measure(stage: Stage) -> Iterator[Value]:
    """Received at a pace that both can keep, in groups; published by 32 callers, each when its last was answered."""
    plan = stage.plan
    stage.ask(_feed(stage, plan.warm_up_s), orders.Worked)
    fed, cpu_us = stage.measured(_feed(stage, plan.phase_s), orders.Worked)
    yield Value(CPU_RECEIVE, cpu_us / fed.phase.done)
    stage.ask(orders.Work(stage.target, plan.warm_up_s), orders.Worked)
    worked, cpu_us = stage.measured(orders.Work(stage.target, plan.phase_s), orders.Worked)
    yield Value(CPU_PUBLISH, cpu_us / worked.phase.done)
    yield Value(_PUBLISHES, worked.phase.done / worked.phase.elapsed_s)


def _feed(stage: Stage, seconds: float) -> orders.Feed:
    if stage.server.doorbell is None:
        raise ValueError(f"{stage.subject.name} does not listen to Redis")
    plan = stage.plan
    count = max(1, int(seconds * plan.fed_per_second))
    return orders.Feed(stage.target, stage.server.doorbell, count, plan.fed_per_second, plan.message_bytes)
