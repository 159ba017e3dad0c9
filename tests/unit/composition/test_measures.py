from __future__ import annotations

import pytest

from composition.measures import StorageMeasures, add_gauges, add_histograms
from hub.config import HubConfig
from hub.engines.memory import MemoryEngine
from hub.histogram import Histogram
from hub.hub import Hub
from storage.database import Query, Storage
from tests.support.clock import FakeClock

ADD = Query("test.add", "INSERT INTO facts (name, value) VALUES ($1, $2)")


class Source:
    def __init__(self, **measures: float) -> None:
        self.now = dict(measures)

    def measures(self) -> dict[str, float]:
        return self.now


@pytest.fixture
async def hub() -> Hub:
    clock = FakeClock()
    return Hub(HubConfig(), MemoryEngine(clock), clock)


async def test_gauges_are_read_when_they_are_asked_for(hub: Hub) -> None:
    source, other = Source(tested_a=1, tested_b=2), Source(tested_c=3)
    add_gauges(hub, (source, other))
    source.now = {"tested_a": 10, "tested_b": 20}
    measures = hub.measures()
    assert [measures[name] for name in ("tested_a", "tested_b", "tested_c")] == [10, 20, 3]


async def test_two_that_count_under_one_name(hub: Hub) -> None:
    with pytest.raises(ValueError, match="tested_a is counted twice"):
        add_gauges(hub, (Source(tested_a=1), Source(tested_a=2)))


async def test_a_storage_counts_each_database_once(storage: Storage) -> None:
    measures = StorageMeasures(storage)
    before = measures.measures()
    await storage.auth.run(lambda tx: tx.execute(ADD, "a", "1"))
    await storage.business.run(lambda tx: tx.execute(ADD, "b", "2"))
    after = measures.measures()
    assert after["storage_commits"] - before["storage_commits"] == 2
    assert after["storage_waiting"] == 0


async def test_a_storage_tells_of_its_connections_and_how_long_units_take(storage: Storage) -> None:
    measures = StorageMeasures(storage)
    await storage.auth.run(lambda tx: tx.execute(ADD, "a", "1"))
    await storage.relay.run(lambda tx: tx.execute(ADD, "b", "2"))
    now = measures.measures()
    assert measures.unit_s.count == 2
    for part in ("auth", "business", "relay"):
        assert now[f"storage_connections_in_use.{part}"] == now[f"storage_callers_waiting.{part}"] == 0
    assert now["storage_connections_idle.auth"] >= 1


async def test_two_distributions_of_one_name(hub: Hub) -> None:
    add_histograms(hub, {"tested_s": Histogram()})
    with pytest.raises(ValueError, match="tested_s is measured twice"):
        add_histograms(hub, {"tested_s": Histogram()})
