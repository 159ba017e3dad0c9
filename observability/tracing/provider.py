"""The SDK, put together for one node. After the fork: its thread would not survive one (opentelemetry-python#3307)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.resources import (
    SERVICE_INSTANCE_ID,
    SERVICE_NAME,
    SERVICE_VERSION,
    OTELResourceDetector,
    Resource,
)
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from observability.tracing.environment import TracingRefused
from observability.tracing.export import CountingExporter, SpanQueue

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer as SdkTracer

    from hub.tracing import Attribute
    from observability.tracing.environment import TracingEnvironment

SCOPE: Final = "syncline"


def service_resource(version: str, node_uid: str, node_name: str) -> Resource:
    """Who we are. What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say wins."""
    ours: dict[str, Attribute] = {
        SERVICE_NAME: SCOPE,
        SERVICE_VERSION: version,
        SERVICE_INSTANCE_ID: node_uid,
        "syncline.node.name": node_name,
    }
    return Resource.create(ours).merge(OTELResourceDetector().detect())


def sdk_tracer(resource: Resource, version: str, queue: SpanQueue | None) -> SdkTracer:
    """Everything is sampled that gets this far: hub.tracing asks before, and for less (docs/adr/0040-tracing.md)."""
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource, shutdown_on_exit=False)
    if queue is not None:
        provider.add_span_processor(queue)
    return provider.get_tracer(SCOPE, version)


def span_queue(environment: TracingEnvironment) -> SpanQueue | None:
    """None without a collector.

    Raises:
        TracingRefused: the extra is missing, or the environment does not make sense.
    """
    if not environment.exports:
        return None
    try:
        return SpanQueue(CountingExporter(_exporter(environment.export_timeout_s)), environment.max_waiting)
    except ValueError as exc:
        raise TracingRefused(f"OTEL_BSP_*: {exc}") from exc


def _exporter(timeout_s: float | None) -> SpanExporter:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415  # an extra
    except ModuleNotFoundError as exc:
        raise TracingRefused(
            f"traces are to be exported, and {exc.name} is not installed: install the extra, syncline[otel]"
        ) from exc
    return OTLPSpanExporter(timeout=timeout_s)
