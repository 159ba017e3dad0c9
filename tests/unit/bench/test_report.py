from __future__ import annotations

import datetime
import json
import math

from bench import report
from bench.plan import QUICK
from bench.results import Results, Value
from bench.scenarios import connects, fan_out, slow_client
from bench.subjects import floors
from bench.subjects.centrifuge import SYNCLINE

STARTED_AT = datetime.datetime(2026, 1, 2, 3, 4, tzinfo=datetime.UTC)


def measured() -> Results:
    results = Results()
    for run, (floor_us, own_us) in enumerate([(4.0, 5.0), (4.4, 5.5)]):
        results.add(run, floors.SEND_LOOP, Value(fan_out.CPU_ONE_AT_A_TIME, floor_us))
        results.add(run, SYNCLINE, Value(fan_out.CPU_ONE_AT_A_TIME, own_us))
        results.add(run, SYNCLINE, Value(slow_client.GONE_AFTER_FULL, math.inf))
    results.fail("fan_out", "nginx + nchan", "not installed")
    results.disturb("fan_out", SYNCLINE, 0.25)
    return results


def test_a_subject_stands_beside_syncline_as_a_multiple_of_it() -> None:
    [floor_line] = [line for line in report.tables(measured()).splitlines() if floors.SEND_LOOP in line]
    assert "4.2" in floor_line
    assert "[4 to 4.4]" in floor_line
    assert "Syncline = 1.25 x" in floor_line


def test_what_is_missing_and_what_was_disturbed_is_said() -> None:
    text = report.tables(measured())
    assert "fan_out, nginx + nchan: not installed" in text
    assert f"fan_out, {SYNCLINE}: 25% of a core" in text


def test_a_gate_shows_bound_measurement_and_verdict() -> None:
    lines = report.gate_table(measured()).splitlines()
    [line] = [line for line in lines if line.startswith("delivery, one at a time / send loop")]
    assert " ".join(line.split()).endswith("<= 1.5 x 1.25 x [1.25 to 1.25] PASS")
    [never] = [line for line in lines if line.startswith("and is gone within")]
    assert "never" in never
    assert never.endswith("FAIL")


def test_the_json_holds_runs_gates_and_failures() -> None:
    document = json.loads(report.as_json(measured(), QUICK, STARTED_AT))
    assert document["started_at"] == "2026-01-02T03:04:00+00:00"
    assert document["plan"]["runs"] == QUICK.runs
    cost = next(record for record in document["measurements"] if record["subject"] == SYNCLINE)
    assert (cost["runs"], cost["median"]) == ([5.0, 5.5], 5.25)
    assert document["gates"][0]["verdict"] == "PASS"
    assert document["failures"] == [{"scenario": "fan_out", "subject": "nginx + nchan", "reason": "not installed"}]


def test_the_design_stands_beside_another_server() -> None:
    results = measured()
    results.add(0, "centrifugo", Value(fan_out.CPU_ONE_AT_A_TIME, 10.0))
    text = report.reference_table(results, "centrifugo")
    assert "0.53 x       0.5 x" in text
    assert connects.NAME not in text
