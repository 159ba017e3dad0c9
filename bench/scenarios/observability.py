"""What it costs to be observed: the fan-out and the HTTP publish, with traces at 1 % and metrics, and without.

A phase is as long as what an observed node does now and then: it is scraped, and exports its spans, once in each.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from bench.results import Metric, Value
from bench.scenarios.fan_out import Metrics as FanOutMetrics
from bench.scenarios.fan_out import fanned_out, gather
from bench.scenarios.http_publish import published
from bench.scenarios.stage import Stage

NAME = "observability"
CHANNEL = "bench"


class Phase(NamedTuple):
    """What is compared of one way to load a node."""

    title: str
    cpu: Metric
    per_second: Metric


_ONE_AT_A_TIME = FanOutMetrics(NAME, "one at a time")
_IN_BURSTS = FanOutMetrics(NAME, "bursts of 16")


def _publishes(title: str) -> Phase:
    return Phase(
        title,
        Metric(NAME, f"{title}: server CPU per publish", "us"),
        Metric(NAME, f"{title}: publishes per second", "/s"),
    )


SINGLE, BATCH = _publishes("HTTP single"), _publishes("HTTP batch of 100")

PHASES = (
    Phase("fan-out single", _ONE_AT_A_TIME.cpu, _ONE_AT_A_TIME.per_second),
    Phase("fan-out bursts", _IN_BURSTS.cpu, _IN_BURSTS.per_second),
    SINGLE,
    BATCH,
)


def measure(stage: Stage) -> Iterator[Value]:
    stage.plan = replace(stage.plan, phase_s=stage.plan.observed_s)
    yield from published(stage, (SINGLE.cpu, SINGLE.per_second), per_request=1)
    yield from published(stage, (BATCH.cpu, BATCH.per_second), per_request=stage.plan.batch)
    gather(stage, CHANNEL)
    yield from fanned_out(stage, _ONE_AT_A_TIME, 1)
    yield from fanned_out(stage, _IN_BURSTS, stage.plan.burst)
