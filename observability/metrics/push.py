"""Metrics to an OpenTelemetry collector, from the same snapshots that Prometheus is given.

The SDK has no observable histogram, so a distribution goes as what Prometheus makes of one: counters `_bucket` (with
`le`), `_count` and `_sum`. The names are those of docs/metrics.md without `_total`, which collectors add.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from concurrent.futures import Future
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Final

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)

from observability.metrics.catalogue import ENTRIES, HELP
from observability.metrics.environment import PushRefused
from observability.metrics.families import families

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from opentelemetry.metrics import Meter
    from opentelemetry.sdk.resources import Resource

    from hub.clock import Clock
    from observability.metrics.families import Family, Series
    from observability.metrics.snapshot import Snapshot

SHUTDOWN_DEADLINE_S: Final = 1.0
"""Whatever the collector does, a node that stops is not held up for longer; what is lost is one interval."""

SNAPSHOT_DEADLINE_S: Final = 1.0
"""How long the SDK's thread waits for the event loop; a loop that is later is told about as it was."""

FRESH_S: Final = 1.0
"""Instruments are read one after the other; those of one push are of one moment."""


class CountingExporter(MetricExporter):
    """Another exporter, and how often it has succeeded. The SDK's thread."""

    def __init__(self, inner: MetricExporter) -> None:
        super().__init__(inner._preferred_temporality, inner._preferred_aggregation)  # as the SDK's reader does
        self._inner = inner
        self._is_abandoned = False
        self.num_sent = 0
        self.num_failed = 0

    def export(self, metrics_data: MetricsData, timeout_millis: float = 10_000, **kwargs: Any) -> MetricExportResult:
        if self._is_abandoned:
            return MetricExportResult.FAILURE
        result = self._inner.export(metrics_data, timeout_millis, **kwargs)
        if result is MetricExportResult.SUCCESS:
            self.num_sent += 1
        else:
            self.num_failed += 1
        return result

    def abandon(self) -> None:
        """Do nothing with what still comes. From another thread."""
        self._is_abandoned = True

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._inner.force_flush(timeout_millis)

    def shutdown(self, timeout_millis: float = 30_000, **kwargs: Any) -> None:
        self._inner.shutdown(timeout_millis, **kwargs)


class Snapshots:
    """The snapshot of now, for another thread: only the loop may look at what it counts."""

    def __init__(self, take: Callable[[], Snapshot], clock: Clock) -> None:
        self._take = take
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._families: dict[str, Family] = {}
        self._taken_s = -FRESH_S

    def series_of(self, family: str) -> list[Series]:
        """Not on the loop's thread. As of the last time, when the loop does not answer."""
        now_s = self._clock.monotonic_s()
        if now_s - self._taken_s >= FRESH_S:
            self._taken_s = now_s
            with contextlib.suppress(TimeoutError, RuntimeError):  # the loop is late, or has ended
                self._families = {each.name: each for each in families({"": self._asked()})}
        found = self._families.get(family)
        return [] if found is None else found.series

    def _asked(self) -> Snapshot:
        answer: Future[Snapshot] = Future()
        self._loop.call_soon_threadsafe(self._answer, answer)
        return answer.result(SNAPSHOT_DEADLINE_S)

    def _answer(self, answer: Future[Snapshot]) -> None:
        if answer.set_running_or_notify_cancel():
            answer.set_result(self._take())


class OtlpPush:
    """Pushes until it is closed, every OTEL_METRIC_EXPORT_INTERVAL (60 s), in the SDK's thread.

    Made inside a running loop, in the process that has the loop: after a fork, never before.
    """

    def __init__(
        self, take: Callable[[], Snapshot], clock: Clock, resource: Resource, version: str, exporter: MetricExporter
    ) -> None:
        self._snapshots = Snapshots(take, clock)
        self._exporter = CountingExporter(exporter)
        reader = PeriodicExportingMetricReader(self._exporter)
        self._provider = MeterProvider([reader], resource, shutdown_on_exit=False)
        _add_instruments(self._provider.get_meter("syncline", version), self._snapshots)

    def measures(self) -> dict[str, float]:
        return {"metric_exports": self._exporter.num_sent, "metric_exports_failed": self._exporter.num_failed}

    async def close(self) -> None:
        """Push once more, for at most SHUTDOWN_DEADLINE_S."""
        done = asyncio.Event()
        loop = asyncio.get_running_loop()

        def shut_down() -> None:
            self._provider.shutdown(SHUTDOWN_DEADLINE_S * 1000)
            with contextlib.suppress(RuntimeError):  # the loop has gone on without us
                loop.call_soon_threadsafe(done.set)

        # A thread that nobody waits for at the end: asyncio's own executor would be joined with the loop.
        threading.Thread(target=shut_down, name="metrics.shutdown", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SHUTDOWN_DEADLINE_S):
                await done.wait()
        self._exporter.abandon()


def otlp_exporter(timeout_s: float | None) -> MetricExporter:
    """Over HTTP, with protobuf.

    Raises:
        PushRefused: the extra is missing.
    """
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as exc:
        raise PushRefused(
            f"metrics are to be pushed, and {exc.name} is not installed: install the extra, syncline[otel]"
        ) from exc
    return OTLPMetricExporter(timeout=timeout_s)


def _add_instruments(meter: Meter, snapshots: Snapshots) -> None:
    seen = {entry.name: entry for entry in reversed(ENTRIES) if entry.family}
    for name, entry in seen.items():
        _ADD[entry.kind](meter, snapshots, name, _UNITS[entry.unit])


def _add_counter(meter: Meter, snapshots: Snapshots, name: str, unit: str) -> None:
    meter.create_observable_counter(name, [_plain(snapshots, name)], unit, HELP[name])


def _add_gauge(meter: Meter, snapshots: Snapshots, name: str, unit: str) -> None:
    meter.create_observable_gauge(name, [_plain(snapshots, name)], unit, HELP[name])


def _add_histogram(meter: Meter, snapshots: Snapshots, name: str, unit: str) -> None:
    for suffix, observations in _PARTS.items():
        meter.create_observable_counter(
            f"{name}_{suffix}", [_mapped(snapshots, name, observations)], unit if suffix == "sum" else "", HELP[name]
        )


_ADD: Final = {"counter": _add_counter, "gauge": _add_gauge, "histogram": _add_histogram}
_UNITS: Final = {"seconds": "s", "bytes": "By", "": ""}


def _plain(snapshots: Snapshots, name: str) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [Observation(series.value, series.labels) for series in snapshots.series_of(name)]  # type: ignore[arg-type]  # no distribution is in these families


def _mapped(
    snapshots: Snapshots, name: str, observations: Callable[[Series], Iterator[Observation]]
) -> Callable[[CallbackOptions], Iterable[Observation]]:
    return lambda _: [each for series in snapshots.series_of(name) for each in observations(series)]


def _buckets(series: Series) -> Iterator[Observation]:
    distribution: Any = series.value
    bounds = [*(f"{bound:g}" for bound in distribution.bounds), "+Inf"]
    for bound, count in zip(bounds, accumulate(distribution.counts), strict=True):
        yield Observation(count, {**series.labels, "le": bound})


def _count(series: Series) -> Iterator[Observation]:
    distribution: Any = series.value
    yield Observation(sum(distribution.counts), series.labels)


def _sum(series: Series) -> Iterator[Observation]:
    distribution: Any = series.value
    yield Observation(distribution.total, series.labels)


_PARTS: Final = {"bucket": _buckets, "count": _count, "sum": _sum}
