"""A user with 50 sessions of 3 connections each: how soon after the answer a revoked session's are closed."""

from __future__ import annotations

from collections.abc import Iterator

from bench.load import orders
from bench.results import Metric, Value
from bench.scenarios.stage import Stage

NAME = "revocation"
SESSIONS = 50
CONNECTIONS = 3

P99 = Metric(NAME, "from the REST answer to the last close, p99", "ms")
_P50 = Metric(NAME, "from the REST answer to the last close, p50", "ms")
_EARLY = Metric(NAME, "all closed before the answer", "%")
_P99_OF_REQUEST = Metric(NAME, "from the REST request to the last close, p99", "ms")
_P50_OF_REQUEST = Metric(NAME, "from the REST request to the last close, p50", "ms")


def measure(stage: Stage) -> Iterator[Value]:
    """Void unless exactly the session's connections are closed, with its code, and all others still answer."""
    order = orders.Revoke(stage.target, SESSIONS, CONNECTIONS, stage.plan.revocations)
    phase = stage.measured(order, orders.Revoked)[0].phase
    yield Value(_P50, phase.after_answer_p50_ms)
    yield Value(P99, phase.after_answer_p99_ms)
    yield Value(_EARLY, 100 * phase.closed_before_answer / phase.revocations)
    yield Value(_P50_OF_REQUEST, phase.after_request_p50_ms)
    yield Value(_P99_OF_REQUEST, phase.after_request_p99_ms)
