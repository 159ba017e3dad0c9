from __future__ import annotations

from bench.results import Metric, Results, Summary, Value

COST = Metric("fan_out", "cost", "us")


def results(**runs_by_subject: list[float]) -> Results:
    collected = Results()
    for subject, runs in runs_by_subject.items():
        for run, value in enumerate(runs):
            collected.add(run, subject, Value(COST, value))
    return collected


def test_a_summary_is_median_and_range() -> None:
    assert results(a=[3, 1, 2]).summary(COST, "a") == Summary(2, 1, 3, 3)


def test_a_ratio_is_taken_within_each_run() -> None:
    """A machine that is slower in one run is slower for both: the median of the ratios does not move."""
    ratio = results(a=[2, 4, 2], b=[1, 2, 1]).ratio((COST, "a"), (COST, "b"))
    assert ratio == Summary(2, 2, 2, 3)


def test_runs_that_only_one_has_do_not_count() -> None:
    ratio = results(a=[2, 9], b=[1]).ratio((COST, "a"), (COST, "b"))
    assert ratio == Summary(2, 2, 2, 1)


def test_nothing_measured_has_no_summary() -> None:
    assert results().summary(COST, "a") is None
    assert results(a=[1]).ratio((COST, "a"), (COST, "b")) is None


def test_the_worst_disturbance_is_kept() -> None:
    collected = Results()
    for share in (0.1, 0.3, 0.2):
        collected.disturb("fan_out", "a", share)
    assert collected.disturbances == {("fan_out", "a"): 0.3}


def test_the_first_failure_is_kept() -> None:
    collected = Results()
    collected.fail("fan_out", "a", "refused")
    collected.fail("fan_out", "a", "silent")
    assert collected.failures == {("fan_out", "a"): "refused"}
