from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from composition.relay_reader import STALLED, NodeRelays, plain
from hub.config import HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay.consumer_config import RelayConfig
from hub.relay.entries import HUB
from hub.relay.source import SourceHealth
from tests.support.clock import FakeClock

MEASURES = {"outbox_waiting": 3, "sink_waiting.crm": 2, "sink_waiting.lake": 5, "sink_refused.crm": 1}


def test_a_source_is_shown_without_its_name_and_both_its_links_together() -> None:
    measures = {"amqp_received.orders": 3, "amqp_lost_links.orders": 1, "amqp_lost_links.orders.dead": 2}
    assert plain(measures) == {"amqp_received": 3, "amqp_lost_links": 3}


async def test_what_leaves_by_a_broker_tells_since_when() -> None:
    clock = FakeClock()
    hub = Hub(HubConfig(node_name="a"), MemoryEngine(clock), clock)
    clock.advance(7)
    outbox = SimpleNamespace(
        measures=lambda: MEASURES, stalled=lambda: {HUB: False, "crm": False, "lake": True, "archive": False}
    )
    links = [SourceHealth("sink.crm", False, 2.0, "refused"), SourceHealth("sink.archive", True, 3.0)]
    parts: Any = SimpleNamespace(outbox=outbox, health=lambda: links)
    relay: Any = SimpleNamespace(sources=(), events=object())
    views = {view.name: view for view in NodeRelays(hub, RelayConfig(), cast("Any", relay), parts).relays()}
    assert {name: (view.kind, view.is_attached, view.age_s, view.detail) for name, view in views.items()} == {
        "events": ("http", True, 7, ""),
        "outbox": ("outbox", True, 7, ""),
        "crm": ("sink", False, 2, "refused"),
        "lake": ("sink", False, 7, STALLED),
        "archive": ("sink", True, 3, ""),
    }
    assert views["outbox"].measures == {"outbox_waiting": 3}
    assert views["crm"].measures == {"sink_waiting": 2, "sink_refused": 1}
    assert views["lake"].measures == {"sink_waiting": 5}
