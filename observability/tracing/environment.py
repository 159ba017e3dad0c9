"""What the standard OTEL_* variables say, as far as we decide by them; the SDK reads the others by itself.

Source: OpenTelemetry, Environment Variable Specification.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_EXPORT_TIMEOUT_S: Final = 2.0
"""Of one export, retries included; OpenTelemetry's own default, 10 s, would outlast the stop of a node."""

DEFAULT_MAX_WAITING: Final = 2_048

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_TIMEOUTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")

_RATIO_SAMPLERS: Final = ("traceidratio", "parentbased_traceidratio")
_RATIO_OF: Final = {"always_on": 1.0, "always_off": 0.0, "parentbased_always_on": 1.0, "parentbased_always_off": 0.0}


class TracingRefused(Exception):
    """Tracing cannot begin as it is configured; the text tells the operator why, and what to do."""


@dataclass(frozen=True, slots=True)
class SamplerChoice:
    """What OTEL_TRACES_SAMPLER asks for.

    Attributes:
        ratio: of the traces that begin here.
        respects_parent: a parent that was sampled is followed whatever the ratio.
    """

    ratio: float
    respects_parent: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class TracingEnvironment:
    """All of it.

    Attributes:
        is_disabled: OTEL_SDK_DISABLED.
        exports: whether there is a collector to export to.
        export_timeout_s: to be given to the exporter; None where a variable says it.
        max_waiting: OTEL_BSP_MAX_QUEUE_SIZE, spans.
    """

    is_disabled: bool = False
    sampler: SamplerChoice | None = None
    exports: bool = False
    export_timeout_s: float | None = DEFAULT_EXPORT_TIMEOUT_S
    max_waiting: int = DEFAULT_MAX_WAITING


def read_environment(environ: Mapping[str, str]) -> TracingEnvironment:
    """Raises: TracingRefused, for what we do not have: silently it would be a collector that stays empty."""
    return TracingEnvironment(
        is_disabled=environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true",
        sampler=_sampler(environ),
        exports=_exports(environ),
        export_timeout_s=None if _first(environ, _TIMEOUTS) else DEFAULT_EXPORT_TIMEOUT_S,
        max_waiting=_max_waiting(environ.get("OTEL_BSP_MAX_QUEUE_SIZE", "").strip()),
    )


def _sampler(environ: Mapping[str, str]) -> SamplerChoice | None:
    name = environ.get("OTEL_TRACES_SAMPLER", "").strip().lower()
    if not name:
        return None
    respects_parent = name.startswith("parentbased_")
    if name in _RATIO_SAMPLERS:
        return SamplerChoice(_ratio(environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()), respects_parent)
    if name not in _RATIO_OF:
        known = ", ".join((*_RATIO_OF, *_RATIO_SAMPLERS))
        raise TracingRefused(f"OTEL_TRACES_SAMPLER is {name!r}, which is not one of: {known}")
    return SamplerChoice(_RATIO_OF[name], respects_parent)


def _ratio(text: str) -> float:
    """1 when there is none, as the specification says."""
    try:
        ratio = float(text or "1")
    except ValueError:
        ratio = -1.0
    if not 0 <= ratio <= 1:
        raise TracingRefused(f"OTEL_TRACES_SAMPLER_ARG is {text!r}, which is no number from 0 to 1")
    return ratio


def _exports(environ: Mapping[str, str]) -> bool:
    """An exporter that is asked for by name needs no endpoint: the specification has a default for it."""
    exporter = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if exporter not in {"", "otlp", "none"}:
        raise TracingRefused(f"OTEL_TRACES_EXPORTER is {exporter!r}; there are otlp and none")
    exports = exporter == "otlp" or (not exporter and bool(_first(environ, _ENDPOINTS)))
    protocol = _first(environ, _PROTOCOLS)
    if exports and protocol not in {"", "http/protobuf"}:
        raise TracingRefused(f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}; there is http/protobuf (port 4318)")
    return exports


def _max_waiting(text: str) -> int:
    if text and not (text.isascii() and text.isdigit() and int(text)):
        raise TracingRefused(f"OTEL_BSP_MAX_QUEUE_SIZE is {text!r}, which is no number of spans")
    return int(text or DEFAULT_MAX_WAITING)


def _first(environ: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := environ.get(name, "").strip())), "")
