"""What observability can be told: frozen values that `settings` fills."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingConfig:
    """Traces. Where they are exported to, and what the process is called there, the standard OTEL_* variables say.

    Attributes:
        sample_ratio: of the traces that begin here; those of publishers that have decided are followed as they say.
        max_roots_per_s: of traces that begin here; however much is published, tracing costs no more.
        max_followed_per_s: of spans below a parent that others have sampled.
        keep_traces: the last so many stay in memory, for the console.
    """

    is_enabled: bool = False
    sample_ratio: float = 0.01
    max_roots_per_s: float = 10
    max_followed_per_s: float = 500
    keep_traces: int = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorReportsConfig:
    """Sentry. Without a DSN nothing is reported, and the SDK is not imported."""

    dsn: str = field(default="", repr=False)
    environment: str = ""
    max_per_minute: int = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """Logs, beyond their level and form.

    Attributes:
        keep_lines: the last so many stay in memory, for the console.
        max_connection_lines_per_s: of connections that open and close, each; the others are summed up in one line.
    """

    keep_lines: int = 1_000
    max_connection_lines_per_s: int = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservabilityConfig:
    """All of it."""

    tracing: TracingConfig = field(default_factory=TracingConfig)
    errors: ErrorReportsConfig = field(default_factory=ErrorReportsConfig)
    log: LogConfig = field(default_factory=LogConfig)
