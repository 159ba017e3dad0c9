"""What operators see: `opentelemetry`, `prometheus`, `sentry`, `console`, and `log`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from settings.section import NO_SECRET, Count, PositiveCount, Secret, Section, Shape

Ratio = Annotated[float, Field(ge=0, le=1), Shape("number")]
Rate = Annotated[float, Field(ge=0), Shape("number")]


class OpentelemetrySettings(Section):
    enabled: bool = Field(
        False, description="Follow events through the hub. Where to export to, `OTEL_EXPORTER_OTLP_ENDPOINT` says."
    )
    sample_ratio: Ratio = Field(
        0.01,
        description="Share of the traces beginning here that are followed; publishers that send `traceparent` decide.",
    )
    max_roots_per_second: Rate = Field(10.0, description="Traces beginning here that are followed, at most.")
    max_followed_per_second: Rate = Field(500.0, description="Spans in traces that publishers have begun, at most.")
    keep_traces: Count = Field(500, description="The last so many are kept in memory, for the console.")


class PrometheusSettings(Section):
    enabled: bool = Field(False, description="Serve metrics.")
    handler_prefix: str = Field("/metrics", description="Path of that endpoint.")


class SentrySettings(Section):
    dsn: Secret = Field(NO_SECRET, description="Where errors are reported; nowhere when empty.")
    environment: str = Field("", description="What Sentry calls this installation.")
    max_reports_per_minute: PositiveCount = Field(60, description="The others are counted.")


class ConsoleSettings(Section):
    enabled: bool = Field(False, description="Serve the console for administrators and operators. Needs accounts.")
    handler_prefix: str = Field("/console", description="Path of its page.")


class LogSettings(Section):
    level: Literal["debug", "info", "warn", "error"] = Field("info", description="Least severe level that is written.")
    format: Literal["json", "console"] = Field("json", description="One JSON object a line, or text for people.")
    keep_lines: Count = Field(1_000, le=10_000, description="The last so many are kept in memory, for the console.")
    max_connection_lines_per_second: Count = Field(
        100, description="Lines about connections that open, and that close; the others are summed up. 0 for none."
    )
