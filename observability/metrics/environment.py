"""What the standard OTEL_* variables say about metrics; the SDK reads intervals, endpoints and headers by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_TIMEOUT_S: Final = 2.0
"""Of one push, retries included; OpenTelemetry's own default, 10 s, would outlast the stop of a node."""

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


class PushRefused(Exception):
    """Metrics cannot be pushed as it is configured; the text tells the operator why, and what to do."""


def pushes_metrics(environ: Mapping[str, str]) -> bool:
    """Whether there is a collector to push to. One that is asked for by name needs no endpoint.

    Raises:
        PushRefused: for what we do not have.
    """
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return False
    exporter = environ.get("OTEL_METRICS_EXPORTER", "").strip().lower()
    if exporter not in {"", "otlp", "none"}:
        raise PushRefused(f"OTEL_METRICS_EXPORTER is {exporter!r}; there are otlp and none")
    pushes = exporter == "otlp" or (not exporter and bool(_first(environ, _ENDPOINTS)))
    protocol = _first(environ, _PROTOCOLS)
    if pushes and protocol not in {"", "http/protobuf"}:
        raise PushRefused(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; there is http/protobuf (port 4318)")
    return pushes


def timeout_s(environ: Mapping[str, str]) -> float | None:
    """To be given to the exporter; None where a variable says it."""
    return None if _first(environ, _TIMEOUTS) else DEFAULT_TIMEOUT_S


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")
