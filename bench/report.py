"""The results as tables to read and as JSON to keep."""

from __future__ import annotations

import datetime
import math
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import msgspec

from bench.gates import REFERENCES, Verdict, verdicts
from bench.plan import Plan
from bench.results import Metric, Results, Summary
from bench.subjects.centrifuge import SYNCLINE

_LABEL = 48


def tables(results: Results) -> str:
    """Every metric with its subjects; the last column is Syncline as a multiple of the subject."""
    blocks = [_metric_block(results, metric) for metric in results.metrics()]
    return "\n\n".join([*blocks, *_disturbance_block(results), *_failure_block(results)])


def gate_table(results: Results) -> str:
    head = f"{'gate':{_LABEL}}  {'bound':>10}  {'measured':>10}  {'runs':17}  verdict"
    return "\n".join([head, "-" * len(head), *map(_gate_line, verdicts(results))])


def reference_table(results: Results, other: str) -> str:
    """Syncline over another server of the same protocol, beside the design's ratio for Centrifugo v6.9.1."""
    head = f"{'Syncline / ' + other:{_LABEL}}  {'design':>10}  {'measured':>10}  runs"
    lines = [
        f"{reference.title:{_LABEL}}  {reference.ratio:>8.2f} x  {_number(measured.median):>8} x  {_range(measured)}"
        for reference in REFERENCES
        if (measured := results.ratio((reference.metric, SYNCLINE), (reference.metric, other)))
    ]
    return "\n".join([head, "-" * len(head), *lines])


def as_json(results: Results, plan: Plan, started_at: datetime.datetime) -> bytes:
    """Nothing in it names the machine or a path on it. A value that is infinite, "never" in the tables, is null."""
    document = {
        "started_at": started_at.isoformat(timespec="seconds"),
        "machine": {
            "cores": os.cpu_count(),
            "architecture": platform.machine(),
            "kernel": platform.release().split("-", maxsplit=1)[0],
            "python": platform.python_version(),
        },
        "plan": asdict(plan),
        "gates": [_gate_record(verdict) for verdict in verdicts(results)],
        "measurements": list(_measurement_records(results)),
        "disturbances": [
            {"scenario": scenario, "subject": subject, "foreign_share_of_core": share}
            for (scenario, subject), share in results.disturbances.items()
        ],
        "failures": [
            {"scenario": scenario, "subject": subject, "reason": reason}
            for (scenario, subject), reason in results.failures.items()
        ],
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _metric_block(results: Results, metric: Metric) -> str:
    lines = [f"{metric.scenario}, {metric.name} ({metric.unit})"]
    for subject in results.subjects(metric):
        summary = results.summary(metric, subject)
        if summary is None:
            continue
        ratio = results.ratio((metric, SYNCLINE), (metric, subject)) if subject != SYNCLINE else None
        multiple = f"   Syncline = {_number(ratio.median)} x" if ratio else ""
        lines.append(f"  {subject:28}  {_number(summary.median):>9}  {_range(summary):21}{multiple}")
    return "\n".join(lines)


def _failure_block(results: Results) -> Iterator[str]:
    if results.failures:
        lines = [f"  {scenario}, {subject}: {reason}" for (scenario, subject), reason in results.failures.items()]
        yield "\n".join(["Not available", *lines])


def _disturbance_block(results: Results) -> Iterator[str]:
    if results.disturbances:
        lines = [
            f"  {scenario}, {subject}: {share:.0%} of a core"
            for (scenario, subject), share in results.disturbances.items()
        ]
        yield "\n".join(["Measured while other processes ran, also when repeated: not to be trusted", *lines])


def _gate_line(verdict: Verdict) -> str:
    gate, measured = verdict.gate, verdict.measured
    bound = f"{gate.sign} {gate.bound:g} {gate.unit}"
    value = f"{_number(measured.median)} {gate.unit}" if measured else "-"
    return f"{gate.title:{_LABEL}}  {bound:>10}  {value:>10}  {_range(measured):17}  {verdict.word}"


def _gate_record(verdict: Verdict) -> dict[str, Any]:
    gate = verdict.gate
    return {
        "gate": gate.title,
        "bound": gate.bound,
        "is_strict": gate.is_strict,
        "is_minimum": gate.is_minimum,
        "unit": gate.unit,
        "measured": asdict(verdict.measured) if verdict.measured else None,
        "verdict": verdict.word,
    }


def _measurement_records(results: Results) -> Iterator[dict[str, Any]]:
    for metric in results.metrics():
        for subject in results.subjects(metric):
            runs = list(results.runs(metric, subject).values())
            summary = results.summary(metric, subject)
            yield {
                **asdict(metric),
                "subject": subject,
                "runs": runs,
                "median": summary.median if summary else None,
            }


def _number(value: float) -> str:
    if math.isinf(value):
        return "never"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _range(summary: Summary | None) -> str:
    return f"[{_number(summary.low)} to {_number(summary.high)}]" if summary else ""
