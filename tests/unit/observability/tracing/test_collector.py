"""The way to a collector as it is put together."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.sdk.resources import Resource

from observability.tracing.collector import span_queue
from observability.tracing.environment import TracingEnvironment, TracingRefused

EXPORTS = TracingEnvironment(exports=True)


def test_without_the_extra_the_start_is_refused_and_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)

    with pytest.raises(TracingRefused, match=r"syncline\[otel\]"):
        span_queue(EXPORTS, Resource({}), "1")


def test_variables_that_contradict_each_other_refuse_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "4096")

    with pytest.raises(TracingRefused, match="OTEL_BSP"):
        span_queue(EXPORTS, Resource({}), "1")
