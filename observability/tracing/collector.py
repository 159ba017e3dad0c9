"""The way to a collector, put together of the SDK.

After the fork: its thread would not survive one (opentelemetry-python#3307).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from observability.tracing.environment import TracingRefused
from observability.tracing.export import CountingExporter, SpanQueue
from observability.tracing.readable_spans import ReadableSpans

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace.export import SpanExporter

    from observability.tracing.environment import TracingEnvironment

SCOPE: Final = "syncline"


def span_queue(environment: TracingEnvironment, resource: Resource, version: str) -> SpanQueue:
    """The way to the collector that the environment names.

    Raises:
        TracingRefused: the extra is missing, or the environment does not make sense.
    """
    exporter = CountingExporter(_exporter(environment.export_timeout_s))
    spans = ReadableSpans(resource, InstrumentationScope(SCOPE, version))
    try:
        return SpanQueue(exporter, environment.max_waiting, spans.make)
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
