"""A queue of RabbitMQ is caught up with: from the broker to one subscriber, as fast as the consumer can."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import on_request, orders
from bench.load.message import message
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

NAME = "relay_rabbitmq"
CHANNEL = "bench"

PER_SECOND = Metric(NAME, "messages per second", "/s")
CPU = Metric(NAME, "consumer CPU per message", "us")
_CPU_OF_BROKER = Metric(NAME, "broker CPU per message", "us")
_BUSY = Metric(NAME, "consumer busy", "%")


def measure(stage: Stage) -> Iterator[Value]:
    """The consumer has a core, the broker shares the other one with the subscriber."""
    source, broker = stage.server.source, stage.beside
    if source is None or broker is None:
        raise ValueError(f"{stage.subject.name} has no queue")
    if stage.target.dialect != on_request.DIALECT:
        stage.ask(orders.Open(stage.target, CHANNEL, 1), orders.Opened)
        stage.ask(orders.Gather(stage.target, CHANNEL), orders.Done)
    count = stage.plan.queued
    source.fill([message(number, stage.plan.message_bytes) for number in range(count)])
    stage.settle()
    before_ns = broker.cpu_ns()
    order = orders.Await(stage.target, 0, count)
    arrived, cpu_us = stage.measured(order, orders.Arrived, once_begun=source.release)
    phase = arrived.phase
    yield Value(PER_SECOND, phase.messages / phase.elapsed_s)
    yield Value(CPU, cpu_us / count)
    yield Value(_CPU_OF_BROKER, (broker.cpu_ns() - before_ns) / 1e3 / count)
    yield Value(_BUSY, cpu_us / (phase.elapsed_s * 1e4))
