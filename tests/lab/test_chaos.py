"""Short runs of the lab with fixed seeds: publishers of every kind, two nodes, everything breaks, nothing is lost.

`make chaos` runs as long as one likes. What a failure prints begins with the seed; the history is in the test's
temporary directory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab.checkers import summary
from tests.lab.run import Plan, run
from tests.support.patience import TIME_SCALE

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300 * TIME_SCALE)]


async def test_f43_nothing_is_lost_whatever_breaks(tmp_path: Path) -> None:
    await check(Plan(seed=5, faults_s=30), tmp_path)


async def test_f43_nothing_is_lost_on_one_node_without_services(tmp_path: Path) -> None:
    """The memory engine begins new epochs when its node is killed, and says so."""
    plan = Plan(seed=1, faults_s=10, num_nodes=1, services=frozenset(), carriers=("http", "events"))
    await check(plan, tmp_path)


async def check(plan: Plan, directory: Path) -> None:
    result = await run(plan, directory)
    assert result.is_good, result.report()
    counted = summary(result.ops)
    assert {f"events by {carrier}" for carrier in plan.carriers} <= counted.keys()
    assert min(counted["received"], counted["recoveries"], counted["faults"]) > 0
