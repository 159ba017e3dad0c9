"""Runs scenarios on subjects: all subjects of a scenario one after another, then the same again.

So a floor, Syncline and the peers are measured within seconds of each other, and whatever the machine does over the
minutes hits them alike.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, TextIO

from bench.generator import PhaseFailed, RemoteGenerator
from bench.load import orders
from bench.pinned import NotStarted
from bench.plan import Plan
from bench.process_tree import ProcessGone
from bench.results import Results, Value
from bench.scenarios import SCENARIOS
from bench.scenarios.stage import Stage
from bench.subjects.subject import Subject

TOLERATED_SHARE = 0.05
"""Of a core, taken by processes that are neither the server nor the generator."""

TOLERATED_SHARE_WITH_DATABASE = 0.15
"""The kernel's own threads, which belong to nobody, take 17 us for each flush: at 5,000 a second 8 % of a core."""

_ATTEMPTS = 3


class _Attempt(NamedTuple):
    values: list[Value]
    foreign_share: float  # the largest of a core that others took
    tolerated_share: float

    @property
    def is_disturbed(self) -> bool:
        return self.foreign_share > self.tolerated_share


class Campaign:
    def __init__(self, generator: RemoteGenerator, plan: Plan, progress: TextIO) -> None:
        self.results = Results()
        self._generator = generator
        self._plan = plan
        self._repeats_left_s = plan.repeats_s
        self._progress = progress

    def run(self, scenarios: Sequence[str], subjects: Sequence[Subject]) -> None:
        for scenario in scenarios:
            present = [subject for subject in subjects if self._is_available(scenario, subject)]
            for run in range(self._plan.runs):
                for subject in present:
                    self._measure(scenario, subject, run)

    def _is_available(self, scenario: str, subject: Subject) -> bool:
        if scenario not in subject.scenarios:
            return False
        if missing := subject.missing():
            self.results.fail(scenario, subject.name, missing)
        return not missing

    def _measure(self, scenario: str, subject: Subject, run: int) -> None:
        """A subject that fails is reported and left behind: the others are still worth measuring."""
        self._say(f"{scenario}, run {run + 1} of {self._plan.runs}: {subject.name}")
        try:
            attempt = self._least_disturbed(scenario, subject)
        except (NotStarted, PhaseFailed, ProcessGone) as failure:
            self._say(f"  failed: {failure}")
            self.results.fail(scenario, subject.name, str(failure))
            self._generator.ask(orders.Close(), orders.Done)
            return
        for value in attempt.values:
            self.results.add(run, subject.name, value)
        if attempt.is_disturbed:
            self.results.disturb(scenario, subject.name, attempt.foreign_share)

    def _least_disturbed(self, scenario: str, subject: Subject) -> _Attempt:
        """The first attempt that had its cores to itself, or the best of several."""
        attempts = [self._attempt(scenario, subject)]
        while attempts[-1].is_disturbed and len(attempts) < _ATTEMPTS and self._repeats_left_s > 0:
            self._say(f"  again: other processes took {attempts[-1].foreign_share:.0%} of a core")
            started_at = time.monotonic()
            attempts.append(self._attempt(scenario, subject))
            self._repeats_left_s -= time.monotonic() - started_at
        return min(attempts, key=lambda attempt: attempt.foreign_share)

    def _attempt(self, scenario: str, subject: Subject) -> _Attempt:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, subject.launch(Path(folder)) as server:
            stage = Stage(subject, server, self._generator, self._plan)
            values = list(SCENARIOS[scenario](stage))
            stage.ask(orders.Close(), orders.Done)
            tolerated = TOLERATED_SHARE if server.flush is None else TOLERATED_SHARE_WITH_DATABASE
            return _Attempt(values, stage.interference.worst_share, tolerated)

    def _say(self, text: str) -> None:
        print(text, file=self._progress, flush=True)
