"""Whether a node could export traces, metrics and error reports as it is told to: a part of `syncline doctor`.

Nothing is sent: a collector or a Sentry that is away keeps no node from starting.
"""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

from cli.check import Check, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from typing import Any

    from observability.config import ObservabilityConfig
    from settings.model import Settings

    Opening = Callable[[ObservabilityConfig], Coroutine[Any, Any, bool]]


def check_telemetry(settings: Settings) -> Iterator[Check]:
    """One for each kind that is wanted."""
    from composition.error_reports import CannotReport
    from observability.metrics.environment import PushRefused
    from observability.tracing.environment import TracingRefused
    from settings.observability_views import observability_config

    config = observability_config(settings)
    for subject, opening in _OPENINGS.items():
        try:
            is_wanted = asyncio.run(opening(config))
        except (TracingRefused, PushRefused, CannotReport) as exc:
            yield Check(Status.FAIL, subject, str(exc))
        else:
            if is_wanted:
                yield Check(Status.OK, subject)


async def _open_traces(config: ObservabilityConfig) -> bool:
    from composition.tracing import NodeIdentity, open_tracing
    from hub.clock import SystemClock

    async with open_tracing(config.tracing, SystemClock(), NodeIdentity("doctor", "doctor", "")) as tracing:
        return tracing is not None


async def _open_metrics(config: ObservabilityConfig) -> bool:
    from observability.metrics.environment import pushes_metrics, timeout_s

    if not config.tracing.is_enabled or not pushes_metrics(os.environ):
        return False
    from observability.metrics.push import otlp_exporter

    otlp_exporter(timeout_s(os.environ)).shutdown()
    return True


async def _open_reports(config: ObservabilityConfig) -> bool:
    from composition.error_reports import open_error_reports
    from hub.clock import SystemClock

    async with open_error_reports(config.errors, "doctor", "", SystemClock()) as reports:
        return reports is not None


_OPENINGS: dict[str, Opening] = {
    "traces": _open_traces,
    "metrics by OTLP": _open_metrics,
    "error reports": _open_reports,
}
