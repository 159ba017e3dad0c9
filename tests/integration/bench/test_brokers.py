"""What the bench measures with Redis, RabbitMQ and the outbox, with next to nothing to do: each subject starts, every
phase ends, every message is there and in order."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING

import pytest

from bench.generator import RemoteGenerator, running_generator
from bench.plan import QUICK
from bench.scenarios import SCENARIOS
from bench.scenarios.stage import Stage
from bench.subjects import cluster, outbox, redis_bus, relay

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.subjects.subject import Subject

PLAN = dataclasses.replace(
    QUICK, subscribers=5, warm_up_s=0.02, phase_s=0.05, queued=300, rows=300, warm_up_rows=10, fed_per_second=2_000
)

CHOSEN: list[Subject] = [
    *redis_bus.BUSES,
    *relay.RELAYS,
    *(subject for subject in cluster.CLUSTERS if subject.name == "syncline"),
    outbox.OUTBOXES[0],
    outbox.OUTBOXES[-1],
]


@pytest.fixture(scope="module")
def generator() -> Iterator[RemoteGenerator]:
    with running_generator() as generator:
        yield generator


@pytest.mark.parametrize("subject", CHOSEN, ids=lambda subject: f"{min(subject.scenarios)}: {subject.name}")
def test_is_measured(subject: Subject, generator: RemoteGenerator, tmp_path: Path) -> None:
    [scenario] = subject.scenarios
    assert not subject.missing()
    with subject.launch(tmp_path) as server:
        stage = Stage(subject, server, generator, PLAN)
        values = list(SCENARIOS[scenario](stage))
        stage.close_connections()
    assert len({value.metric for value in values}) == len(values) > 0
    assert all(value.metric.scenario == scenario for value in values)
    assert all(value.value >= 0 and math.isfinite(value.value) for value in values)
