"""Exports and error reports among what `syncline doctor` looks at."""

from __future__ import annotations

import sys

import pytest

from tests.support.ports import free_port
from tests.unit.cli.conftest import Run

PORT = {"SYNCLINE_HTTP_SERVER__PORT": "0"}
TRACING = {**PORT, "SYNCLINE_OPENTELEMETRY__ENABLED": "true"}
NOBODY = f"http://127.0.0.1:{free_port()}"
COLLECTOR = {"OTEL_EXPORTER_OTLP_ENDPOINT": NOBODY}
SUBJECTS = ("traces", "metrics by OTLP", "error reports")


def lines_of(output: str) -> list[str]:
    return [line for line in output.splitlines() if line[5:].startswith(SUBJECTS)]


def test_what_is_wanted_and_can_be_had_although_nobody_listens(run: Run) -> None:
    dsn = NOBODY.replace("//", "//key@") + "/1"
    result = run("doctor", "--dev", env={**TRACING, **COLLECTOR, "SENTRY_DSN": dsn})
    assert lines_of(result.stdout) == ["ok   traces", "ok   metrics by OTLP", "ok   error reports"]
    assert result.exit_code == 0


def test_traces_for_the_console_alone_need_no_extra(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter", None)
    assert lines_of(run("doctor", "--dev", env=TRACING).stdout) == ["ok   traces"]


def test_no_word_of_what_nobody_wants(run: Run) -> None:
    off = {**PORT, "SYNCLINE_OPENTELEMETRY__ENABLED": "false"}
    assert lines_of(run("doctor", "--dev", env={**off, **COLLECTOR}).stdout) == []


def test_an_extra_that_is_missing(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("observability.sentry_client", "observability.tracing.collector"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    for name in ("sentry_sdk", "opentelemetry.exporter.otlp.proto.http.trace_exporter"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.metric_exporter", None)
    result = run("doctor", "--dev", env={**TRACING, **COLLECTOR, "SENTRY_DSN": "http://key@127.0.0.1/1"})
    traces, metrics, reports = lines_of(result.stdout)
    assert (traces.startswith("fail traces: "), "syncline[otel]" in traces) == (True, True)
    assert (metrics.startswith("fail metrics by OTLP: "), "syncline[otel]" in metrics) == (True, True)
    assert (reports.startswith("fail error reports: "), "syncline[sentry]" in reports) == (True, True)
    assert result.exit_code == 1


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"OTEL_TRACES_SAMPLER": "wrong"}, "fail traces: OTEL_TRACES_SAMPLER is 'wrong'"),
        ({"OTEL_METRICS_EXPORTER": "console"}, "fail metrics by OTLP: OTEL_METRICS_EXPORTER is 'console'"),
        ({"SYNCLINE_SENTRY__DSN": "nonsense"}, "fail error reports: sentry.dsn: "),
    ],
)
def test_a_wrong_word(run: Run, variables: dict[str, str], line: str) -> None:
    result = run("doctor", "--dev", env={**TRACING, **variables})
    assert (result.exit_code, line in result.stdout) == (1, True), result.output
