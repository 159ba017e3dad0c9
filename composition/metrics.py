"""The metrics of a node: what its process adds, who may ask for them, and where they are pushed to."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from api.http_times import HttpTimes
from composition.measures import add_gauges
from composition.worker_metrics import WorkerMetrics
from observability.metrics.environment import PushRefused, pushes_metrics, timeout_s
from observability.metrics.process import ProcessMeasures
from observability.metrics.snapshot import snapshot_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine, Mapping

    from api.config import MetricsConfig
    from api.metrics import MetricsEndpoint
    from composition.worker_metrics import WorkerPlace
    from hub.hub import Hub
    from observability.metrics.push import OtlpPush
    from observability.metrics.snapshot import Snapshot

    Tasks = list[tuple[str, Coroutine[object, object, None]]]

__all__ = ["NodeMetrics", "PushRefused", "open_metrics"]


class NodeMetrics:
    """What a node needs of them.

    Args:
        place: of a worker among several; None for a node that is alone.

    Attributes:
        endpoint: None where Prometheus is not served.
        http_times: None where nobody wants to know.
    """

    def __init__(self, hub: Hub, config: MetricsConfig, place: WorkerPlace | None) -> None:
        self._hub = hub
        self._take = partial(snapshot_of, hub)
        self._workers = WorkerMetrics(place, self._take) if config.is_enabled and place is not None else None
        self.endpoint = self._open_endpoint(config) if config.is_enabled else None
        self.http_times = HttpTimes(hub) if config.is_enabled else None
        counting = [] if self.endpoint is None else [self.endpoint]
        add_gauges(hub, (ProcessMeasures(hub.clock), *counting))

    def tasks(self) -> Tasks:
        """The work that must go on as long as the node lives, by name."""
        return [] if self._workers is None else [("worker_metrics", self._workers.run())]

    def _open_endpoint(self, config: MetricsConfig) -> MetricsEndpoint:
        from api.metrics import MetricsEndpoint  # noqa: PLC0415  # prometheus-client: 100 ms, only where it is wanted

        return MetricsEndpoint(config.handler_prefix, self._collect)

    async def _collect(self) -> Mapping[str, Snapshot]:
        return {"": self._take()} if self._workers is None else await self._workers.collect()


@asynccontextmanager
async def open_metrics(
    hub: Hub, config: MetricsConfig, place: WorkerPlace | None, *, may_push: bool
) -> AsyncIterator[NodeMetrics]:
    """Served and pushed as long as the block runs, as far as they are configured.

    Args:
        may_push: OpenTelemetry is enabled; whether there is a collector, the environment says.

    Raises:
        PushRefused
    """
    metrics = NodeMetrics(hub, config, place)
    if not may_push or not pushes_metrics(os.environ):
        yield metrics
        return
    from observability.tracing.sdk_log import quiet_sdk_log  # noqa: PLC0415  # only where it is wanted

    with quiet_sdk_log(hub.clock):
        push = _open_push(hub)
        add_gauges(hub, (push,))
        metrics.http_times = metrics.http_times or HttpTimes(hub)
        try:
            yield metrics
        finally:
            await push.close()


def _open_push(hub: Hub) -> OtlpPush:
    from observability.metrics.push import OtlpPush, otlp_exporter  # noqa: PLC0415  # 200 ms, only where it is wanted
    from observability.resource import service_resource  # noqa: PLC0415  # same

    version = hub.config.version
    resource = service_resource(version, hub.uid, hub.config.node_name)
    exporter = otlp_exporter(timeout_s(os.environ))
    return OtlpPush(partial(snapshot_of, hub), hub.clock, resource, version, exporter)
