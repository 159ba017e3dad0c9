"""How much is measured."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    runs: int = 3
    message_bytes: int = 128
    burst: int = 16
    batch: int = 100
    subscribers: int = 1000
    idle_connections: int = 5000
    connects: int = 2000
    warm_up_connects: int = 200
    warm_up_s: float = 0.5
    phase_s: float = 2.5
    http_connections: int = 16
    command_connections: int = 32
    commands_per_frame: int = 32
    flood_bursts: int = 500
    give_up_after_s: float = 15.0
    writers: int = 64
    mutations_s: float = 1.5
    paced_s: float = 2.5
    revocations: int = 100
    fed_per_second: int = 20_000
    queued: int = 30_000
    rows: int = 10_000
    observed_s: float = 5.0  # a scrape, and an export, in each
    warm_up_rows: int = 500
    repeats_s: float = 240.0  # for all repetitions of disturbed runs together


FULL = Plan()

QUICK = Plan(
    runs=1,
    subscribers=200,
    idle_connections=500,
    connects=300,
    warm_up_connects=50,
    warm_up_s=0.1,
    phase_s=0.3,
    flood_bursts=200,
    give_up_after_s=8.0,
    writers=16,
    mutations_s=0.3,
    paced_s=0.5,
    revocations=10,
    queued=2_000,
    rows=1_000,
    observed_s=0.3,
    warm_up_rows=50,
    repeats_s=0.0,
)
"""Shows that everything runs. Its numbers are not to be quoted."""
