"""Clients publish to a channel without history or subscribers: one command at a time, and many in a frame."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

NAME = "commands"
CHANNEL = "nobody"
JOINED_CHANNEL = "bench"


def _metrics(phase: str) -> tuple[Metric, Metric]:
    return (
        Metric(NAME, f"{phase}: server CPU per command", "us"),
        Metric(NAME, f"{phase}: commands per second", "/s"),
    )


ONE_AT_A_TIME = _metrics("one at a time")
PIPELINED = _metrics("32 in a frame")
CPU_ONE_AT_A_TIME, CPU_PIPELINED = ONE_AT_A_TIME[0], PIPELINED[0]


def measure(stage: Stage) -> Iterator[Value]:
    stage.ask(orders.Open(stage.target, JOINED_CHANNEL, stage.plan.command_connections), orders.Opened)
    yield from _phase(stage, ONE_AT_A_TIME, per_frame=1)
    yield from _phase(stage, PIPELINED, per_frame=stage.plan.commands_per_frame)


def _phase(stage: Stage, metrics: tuple[Metric, Metric], *, per_frame: int) -> Iterator[Value]:
    stage.ask(_order(stage, per_frame, stage.plan.warm_up_s), orders.Looped)
    stage.settle()
    answer, cpu_us = stage.measured(_order(stage, per_frame, stage.plan.phase_s), orders.Looped)
    commands = answer.phase.requests * per_frame
    yield Value(metrics[0], cpu_us / commands)
    yield Value(metrics[1], commands / answer.phase.elapsed_s)


def _order(stage: Stage, per_frame: int, seconds: float) -> orders.Commands:
    return orders.Commands(stage.target, CHANNEL, per_frame, seconds, stage.plan.message_bytes)
