from __future__ import annotations

import pytest

from observability.metrics.environment import DEFAULT_TIMEOUT_S, PushRefused, pushes_metrics, timeout_s

ENDPOINT = "http://127.0.0.1:4318"


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, True),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": ENDPOINT}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": ENDPOINT}, False),
        ({"OTEL_METRICS_EXPORTER": "otlp"}, True),
        ({"OTEL_METRICS_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, False),
        ({"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": ENDPOINT}, False),
    ],
)
def test_a_collector_is_named_or_asked_for(environ: dict[str, str], expected: bool) -> None:
    assert pushes_metrics(environ) is expected


@pytest.mark.parametrize(
    "environ",
    [{"OTEL_METRICS_EXPORTER": "prometheus"}, {"OTEL_METRICS_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}],
)
def test_what_there_is_not_is_refused(environ: dict[str, str]) -> None:
    with pytest.raises(PushRefused, match="OTEL_"):
        pushes_metrics(environ)


def test_a_timeout_of_the_environment_holds() -> None:
    assert timeout_s({}) == DEFAULT_TIMEOUT_S
    assert timeout_s({"OTEL_EXPORTER_OTLP_TIMEOUT": "5"}) is None
