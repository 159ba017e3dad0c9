"""Measurements, kept per run: a median says what is typical, the range how far to trust it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, order=True)
class Metric:
    scenario: str
    name: str
    unit: str


@dataclass(frozen=True)
class Value:
    metric: Metric
    value: float


@dataclass(frozen=True)
class Summary:
    """Median and range over the runs."""

    median: float
    low: float
    high: float
    runs: int


class Results:
    def __init__(self) -> None:
        self._values: dict[tuple[Metric, str], dict[int, float]] = defaultdict(dict)
        self.disturbances: dict[tuple[str, str], float] = {}  # (scenario, subject): share of a core others took
        self.failures: dict[tuple[str, str], str] = {}  # (scenario, subject): why there is no value

    def add(self, run: int, subject: str, value: Value) -> None:
        self._values[value.metric, subject][run] = value.value

    def fail(self, scenario: str, subject: str, reason: str) -> None:
        self.failures.setdefault((scenario, subject), reason)

    def disturb(self, scenario: str, subject: str, share: float) -> None:
        worst = self.disturbances.get((scenario, subject), 0.0)
        self.disturbances[scenario, subject] = max(worst, share)

    def metrics(self) -> list[Metric]:
        """In the order in which they were first measured."""
        return list(dict.fromkeys(metric for metric, _ in self._values))

    def subjects(self, metric: Metric) -> list[str]:
        return [subject for measured, subject in self._values if measured == metric]

    def runs(self, metric: Metric, subject: str) -> dict[int, float]:
        return self._values.get((metric, subject), {})

    def summary(self, metric: Metric, subject: str) -> Summary | None:
        return summarised(self.runs(metric, subject))

    def ratio(self, over: tuple[Metric, str], under: tuple[Metric, str]) -> Summary | None:
        """Of the runs that have both: each run's ratio first, then their median, so that drift between runs cancels."""
        return summarised(dict(self._ratios(over, under)))

    def _ratios(self, over: tuple[Metric, str], under: tuple[Metric, str]) -> Iterator[tuple[int, float]]:
        below = self.runs(*under)
        for run, value in self.runs(*over).items():
            if below.get(run):
                yield run, value / below[run]


def summarised(runs: dict[int, float]) -> Summary | None:
    values = runs.values()
    return Summary(median(values), min(values), max(values), len(values)) if values else None
