"""Metrics by OTLP, to a receiver of our own, which can fail."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from api.config import MetricsConfig
from composition.metrics import open_metrics
from hub.clock import SystemClock
from hub.config import HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from tests.support.local_server import local_server
from tests.support.otlp_receiver import Fault, otlp_receiver
from tests.support.patience import eventually
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from composition.metrics import NodeMetrics
    from tests.support.otlp_receiver import OtlpReceiver

EVERY_MS = "200"


@asynccontextmanager
async def pushing(hub: Hub, receiver: OtlpReceiver, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[NodeMetrics]:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", EVERY_MS)
    async with open_metrics(hub, MetricsConfig(), None, may_push=True) as metrics:
        yield metrics


def metrics_in(receiver: OtlpReceiver) -> dict[str, Any]:
    """The last value of every metric that has come, by name."""
    return {
        metric.name: metric
        for request in receiver.metric_requests
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def points_of(metric: Any) -> dict[tuple[tuple[str, str], ...], float]:
    return {
        tuple(sorted((each.key, each.value.string_value) for each in point.attributes)): point.as_double or point.as_int
        for point in (metric.sum if metric.HasField("sum") else metric.gauge).data_points
    }


async def test_a_collector_gets_what_prometheus_would(monkeypatch: pytest.MonkeyPatch) -> None:
    async with otlp_receiver() as receiver, local_server() as server:
        async with pushing(server.hub, receiver, monkeypatch):
            client = await server.subscribed("news")
            await server.api.publish("news")
            await client.data("news", 1)
            await eventually(lambda: "syncline_publications" in metrics_in(receiver))
        found = metrics_in(receiver)  # with what was pushed at the end
        assert points_of(found["syncline_publications"])[(("namespace", "-"),)] == 1
        assert points_of(found["syncline_clients"])[(("encoding", "json"), ("transport", "websocket"))] == 1
        counted = points_of(found["syncline_command_duration_seconds_count"])
        assert counted[(("method", "subscribe"),)] == 1
        buckets = points_of(found["syncline_command_duration_seconds_bucket"])
        assert buckets[(("le", "+Inf"), ("method", "subscribe"))] == 1
        assert found["syncline_publications"].sum.is_monotonic
        assert found["syncline_command_duration_seconds_sum"].unit == "s"
        resource = receiver.metric_requests[-1].resource_metrics[0].resource
        assert {each.key: each.value.string_value for each in resource.attributes}["service.name"] == "syncline"


@pytest.mark.parametrize("fault", [Fault.UNAVAILABLE, Fault.BLACK_HOLE, Fault.GARBAGE, Fault.REFUSED])
async def test_a_collector_that_fails_is_counted_and_nothing_else(
    fault: Fault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.3")
    clock = SystemClock()
    hub = Hub(HubConfig(), MemoryEngine(clock), clock)
    async with otlp_receiver() as receiver:
        receiver.fault = fault
        async with pushing(hub, receiver, monkeypatch):
            await eventually(lambda: hub.measures()["metric_exports_failed"])
        assert hub.measures()["metric_exports"] == 0


async def test_a_node_stops_whatever_its_collector_does() -> None:
    async with otlp_receiver() as receiver:
        receiver.fault = Fault.BLACK_HOLE
        env = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.endpoint, "OTEL_METRIC_EXPORT_INTERVAL": EVERY_MS}
        async with running_server({"opentelemetry": {"enabled": True}}, env=env) as node:
            await eventually(lambda: receiver.num_requests)
            node.terminate()
            assert await node.ended() == 0


async def test_it_is_not_pushed_when_the_environment_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with otlp_receiver() as receiver, local_server() as server:
        monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
        async with pushing(server.hub, receiver, monkeypatch) as metrics:
            assert metrics.http_times is None
            assert "metric_exports" not in server.hub.measures()
