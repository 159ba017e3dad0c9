from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families

from hub.histogram import DURATION_BOUNDS_S, Histogram
from observability.metrics.exposition import render
from observability.metrics.families import families
from observability.metrics.snapshot import Distribution, Snapshot

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def distribution(*values: float) -> Distribution:
    histogram = Histogram()
    for value in values:
        histogram.observe(value)
    return Distribution(histogram.bounds, histogram.counts, histogram.total)


def lines(snapshot: Snapshot, *, worker: str = "") -> list[str]:
    text = render({worker: snapshot}, "")[0].decode()
    return [line for line in text.splitlines() if not line.startswith("#")]


def test_counters_end_in_total_and_gauges_do_not() -> None:
    shown = lines(Snapshot({"writes": 3.0, "users": 2.0}, {}))
    assert "syncline_transport_writes_total 3.0" in shown
    assert "syncline_users 2.0" in shown


def test_measures_become_labels() -> None:
    values = {"disconnects.3000": 1.0, "clients_by_transport.sse|json": 4.0, "recovered": 5.0, "unrecovered": 6.0}
    shown = lines(Snapshot(values, {}))
    assert 'syncline_disconnects_total{code="3000"} 1.0' in shown
    assert 'syncline_clients{encoding="json",transport="sse"} 4.0' in shown
    assert 'syncline_recoveries_total{outcome="recovered"} 5.0' in shown
    assert 'syncline_recoveries_total{outcome="unrecovered"} 6.0' in shown


def test_what_never_happened_is_there_as_zero() -> None:
    assert 'syncline_disconnects_total{code="3008"} 0.0' in lines(Snapshot({}, {}))


def test_codes_that_are_not_ours_are_one() -> None:
    shown = lines(Snapshot({"disconnects.4000": 1.0, "disconnects.4001": 2.0, "disconnects.3000": 3.0}, {}))
    assert 'syncline_disconnects_total{code="other"} 3.0' in shown
    assert 'syncline_disconnects_total{code="3000"} 3.0' in shown
    assert not [line for line in shown if "400" in line]


def test_a_route_with_a_dot_and_braces_stays_whole() -> None:
    name = "http_request_s.GET|/.well-known/{name}|2xx"
    series = 'method="GET",route="/.well-known/{name}",status="2xx"'
    assert f"syncline_http_request_duration_seconds_count{{{series}}} 1.0" in lines(
        Snapshot({}, {name: distribution(0.1)})
    )


def test_buckets_add_up() -> None:
    shown = lines(Snapshot({}, {"flush_s": distribution(0.000_1, 0.000_2, 0.3, 99)}))
    buckets = [line for line in shown if line.startswith("syncline_flush_duration_seconds_bucket")]
    assert buckets[0] == 'syncline_flush_duration_seconds_bucket{le="0.0001"} 1.0'  # a bound belongs to its bucket
    assert buckets[-1] == 'syncline_flush_duration_seconds_bucket{le="+Inf"} 4.0'
    assert "syncline_flush_duration_seconds_count 4.0" in shown


def test_what_nobody_has_listed_is_counted_and_not_shown() -> None:
    shown = lines(Snapshot({"made_up": 1.0, "made_up.too": 1.0}, {"made_up_s": distribution()}))
    assert "syncline_measures_unlisted 3.0" in shown
    assert not [line for line in shown if "made_up" in line]


def test_with_workers_every_series_says_whose_it_is() -> None:
    one, two = Snapshot({"users": 1.0}, {"flush_s": distribution(1)}), Snapshot({"users": 2.0}, {})
    found = families({"1": one, "2": two})
    assert {series.labels["worker"] for family in found for series in family.series} == {"1", "2"}
    users = next(family for family in found if family.name == "syncline_users")
    assert [(series.labels["worker"], series.value) for series in users.series] == [("1", 1.0), ("2", 2.0)]


@given(st.lists(st.floats(0, 1e6), max_size=50))
def test_a_histogram_of_anything_reads_back(values: list[float]) -> None:
    snapshot = Snapshot({}, {"flush_s": distribution(*values)})
    for accept, parse in (("", text_string_to_metric_families), (OPENMETRICS, openmetrics_families)):
        text = render({"": snapshot}, accept)[0].decode()
        metric = next(each for each in parse(text) if each.name == "syncline_flush_duration_seconds")
        buckets = [sample for sample in metric.samples if sample.name.endswith("_bucket")]
        assert len(buckets) == len(DURATION_BOUNDS_S) + 1
        for sample in buckets:
            assert sample.value == sum(value <= float(sample.labels["le"]) for value in values)
        total = next(sample.value for sample in metric.samples if sample.name.endswith("_sum"))
        assert math.isclose(total, sum(values), abs_tol=1e-9)
