"""Every request counts as long as there is time for it; on a busy node one success in eight stands for the others."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from api.http_times import BUSY_PER_S, REVIEW_EVERY, WEIGHT, HttpTimes
from api.request_watching import STARTED_S
from hub.histogram import Histogram
from tests.support.clock import FakeClock

OK, FAILURE = 200, 503


class Resource:
    canonical = "/api/publish"


class World:
    """A node that answers one route, and the time that passes meanwhile."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.histograms: dict[str, Histogram] = {}
        hub: Any = SimpleNamespace(clock=self.clock, histograms=self.histograms)
        self.times = HttpTimes(hub)
        resource = Resource()
        self.request: Any = SimpleNamespace(
            method="POST", match_info=SimpleNamespace(route=SimpleNamespace(resource=resource))
        )

    def answer(self, number: int, status: int = OK, *, per_s: float) -> None:
        """As api.response_headers does."""
        for _ in range(number):
            STARTED_S.set(self.clock.monotonic_s())
            self.clock.advance(1 / per_s)
            if status >= 400 or self.times.is_due():
                self.times.observe(self.request, status)

    def count(self, status: int = OK) -> int:
        return self.histograms[f"http_request_s.POST|/api/publish|{status // 100}xx"].count


@pytest.fixture
def world() -> World:
    return World()


def test_every_request_of_a_node_that_is_not_busy_is_counted(world: World) -> None:
    world.answer(3 * REVIEW_EVERY + 5, per_s=BUSY_PER_S / 2)
    assert world.count() == 3 * REVIEW_EVERY + 5


def test_a_busy_node_counts_about_as_many_as_there_were(world: World) -> None:
    world.answer(50_000, per_s=20_000)
    assert abs(world.count() - 50_000) < WEIGHT
    total_s = world.histograms["http_request_s.POST|/api/publish|2xx"].total
    assert total_s == pytest.approx(world.count() / 20_000)


def test_failures_are_counted_one_by_one_however_busy_it_is(world: World) -> None:
    world.answer(2 * REVIEW_EVERY, per_s=20_000)
    for _ in range(7):
        world.answer(10, per_s=20_000)
        world.answer(1, FAILURE, per_s=20_000)
    assert world.count(FAILURE) == 7


def test_a_node_that_is_busy_no_more_counts_every_one_again(world: World) -> None:
    world.answer(10_000, per_s=20_000)
    world.answer(WEIGHT * REVIEW_EVERY, per_s=10)
    before = world.count()
    world.answer(REVIEW_EVERY + 3, per_s=10)
    assert world.count() - before == REVIEW_EVERY + 3
