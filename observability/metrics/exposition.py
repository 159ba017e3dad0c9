"""Metrics as text, as Prometheus reads it: its own format or OpenMetrics, whichever it asks for."""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING

from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from observability.metrics.families import families

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from observability.metrics.families import Family, Labels
    from observability.metrics.snapshot import Distribution, Snapshot


class SnapshotCollector(Collector):
    """What prometheus-client asks, over snapshots instead of its own instruments."""

    def __init__(self, snapshots: Mapping[str, Snapshot]) -> None:
        self._snapshots = snapshots

    def collect(self) -> Iterator[Metric]:
        return map(_metric, families(self._snapshots))


def render(snapshots: Mapping[str, Snapshot], accept: str) -> tuple[bytes, str]:
    """The text and its content type. A few milliseconds of any thread: the snapshots do not change.

    Args:
        snapshots: as of `families`.
        accept: the request's header.
    """
    encode, content_type = choose_encoder(accept)
    return encode(SnapshotCollector(snapshots)), content_type


def _metric(family: Family) -> Metric:
    metric = Metric(family.name, family.help, family.kind, family.unit)
    suffix = "_total" if family.kind == "counter" else ""
    for labels, value in family.series:
        if isinstance(value, (int, float)):
            metric.add_sample(family.name + suffix, labels, value)
        else:
            _add_distribution(metric, labels, value)
    return metric


def _add_distribution(metric: Metric, labels: Labels, distribution: Distribution) -> None:
    bounds = [*map(floatToGoString, distribution.bounds), "+Inf"]
    counts = list(accumulate(distribution.counts))
    for bound, count in zip(bounds, counts, strict=True):
        metric.add_sample(f"{metric.name}_bucket", {**labels, "le": bound}, count)
    metric.add_sample(f"{metric.name}_count", labels, counts[-1])
    metric.add_sample(f"{metric.name}_sum", labels, distribution.total)
