"""The settings of what operators see, as the frozen values that other packages take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from observability.config import ErrorReportsConfig, LogConfig, ObservabilityConfig, TracingConfig

if TYPE_CHECKING:
    from settings.model import Settings


def observability_config(settings: Settings) -> ObservabilityConfig:
    tracing, sentry, log = settings.opentelemetry, settings.sentry, settings.log
    return ObservabilityConfig(
        tracing=TracingConfig(
            is_enabled=tracing.enabled,
            sample_ratio=tracing.sample_ratio,
            max_roots_per_s=tracing.max_roots_per_second,
            max_followed_per_s=tracing.max_followed_per_second,
            keep_traces=tracing.keep_traces,
        ),
        errors=ErrorReportsConfig(
            dsn=sentry.dsn.get_secret_value(),
            environment=sentry.environment,
            max_per_minute=sentry.max_reports_per_minute,
        ),
        log=LogConfig(keep_lines=log.keep_lines, max_connection_lines_per_s=log.max_connection_lines_per_second),
    )
