from __future__ import annotations

import pytest

from hub.hub import Hub
from services.operations.overview import MAX_PASSED_S, PUBLISH_TO_CLIENT, RATES, OverviewMeter
from services.operations.process_meter import ProcessMeter
from services.operations.views import Overview
from tests.support.clock import FakeClock


@pytest.fixture
async def meter(hub: Hub, clock: FakeClock) -> OverviewMeter:
    return OverviewMeter(hub, ProcessMeter(clock, lambda: 0.0), lambda: 0.25)


def rates(overview: Overview) -> dict[str, float]:
    return {name: getattr(overview, name) for name in RATES}


async def test_the_first_reading_has_no_rates(meter: OverviewMeter, hub: Hub) -> None:
    hub.counters.commands = 1_000
    overview = meter.read()
    assert set(rates(overview).values()) == {0.0}
    assert (overview.node, overview.node_name, overview.loop_lag_ms) == (hub.uid, "a", 250)


async def test_rates_are_since_the_reading_before(meter: OverviewMeter, hub: Hub, clock: FakeClock) -> None:
    meter.read()
    clock.advance(2)
    hub.counters.commands += 10
    hub.counters.publications += 4
    hub.counters.reply_errors[103] += 1
    hub.counters.reply_errors[107] += 1
    hub.counters.disconnects[3001] += 6
    told = rates(meter.read())
    assert told == dict.fromkeys(RATES, 0.0) | {
        "commands_per_s": 5,
        "publications_per_s": 2,
        "errors_per_s": 1,
        "disconnects_per_s": 3,
    }


async def test_a_code_that_appears_is_no_rate_of_all_there_were(
    meter: OverviewMeter, hub: Hub, clock: FakeClock
) -> None:
    meter.read()
    clock.advance(MAX_PASSED_S + 1)
    hub.counters.commands += 1_000_000
    assert meter.read().commands_per_s == 0  # nobody watched: it is not of the last second


async def test_the_feed_does_not_count_itself(meter: OverviewMeter, hub: Hub, clock: FakeClock) -> None:
    meter.read()
    clock.advance(1)
    await hub.publish("ops:overview", b"{}")
    await hub.publish("news:today", b"{}")
    assert meter.read().publications_per_s == 1


async def test_latency_is_of_what_was_acknowledged(meter: OverviewMeter, hub: Hub, clock: FakeClock) -> None:
    assert meter.read().latency_p50_ms is None
    clock.advance(1)
    for _ in range(100):
        hub.histograms[PUBLISH_TO_CLIENT].observe(0.004)
    overview = meter.read()
    assert overview.latency_p50_ms == pytest.approx(3.75)
    assert overview.latency_p99_ms == pytest.approx(4.975)


async def test_every_rate_counts_something(hub: Hub) -> None:
    """A measure that is called otherwise one day would be 0 for ever: all but the relay's are the hub's own."""
    known = {name.partition(".")[0] for name in hub.measures()}
    of_codes = {"reply_errors", "disconnects"}
    of_the_relay = {"relay_accepted", "relay_rejected"}
    assert set(RATES.values()) - of_codes - of_the_relay <= known
