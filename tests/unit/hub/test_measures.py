"""What the hub counts while clients come, do things, and go."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hub.command_times import METHOD_OF
from hub.commands import HANDLERS
from hub.engines.memory import MemoryEngine
from hub.errors import ReplyError
from hub.hub import Hub
from hub.protocol.messages import Command
from tests.unit.hub.client import Client, connect, subscribe
from tests.unit.hub.node import OPEN, hub_config

if TYPE_CHECKING:
    from tests.support.clock import FakeClock

CONFIG = hub_config(OPEN, {"chat": OPEN})


def hub_of(clock: FakeClock) -> Hub:
    return Hub(CONFIG, MemoryEngine(clock), clock)


async def test_namespaces_are_there_from_the_beginning_and_no_others_come(clock: FakeClock) -> None:
    hub = hub_of(clock)
    before = {name: value for name, value in hub.measures().items() if name.startswith("namespace_")}
    assert set(before.values()) == {0.0}
    client = Client(hub)
    await client.send(connect(), subscribe("chat:a"), subscribe("$chat:b", 3), subscribe("nobody:c", 4))
    await client.send(subscribe("news", 5), {"id": 6, "publish": {"channel": "chat:a", "data": 1}})
    now = {name: value for name, value in hub.measures().items() if name.startswith("namespace_")}
    assert now.keys() == before.keys()
    assert now["namespace_subscriptions.chat"] == now["namespace_channels.chat"] == 1
    assert now["namespace_subscriptions.-"] == 1
    assert (now["namespace_publications.chat"], now["namespace_deliveries.chat"]) == (1, 1)
    assert (now["namespace_publications.-"], now["namespace_deliveries.-"]) == (0, 0)


async def test_what_is_there_goes_with_the_client(clock: FakeClock) -> None:
    hub = hub_of(clock)
    client = Client(hub)
    await client.send(connect(), subscribe("chat:a"), subscribe("news", 3))
    measures = hub.measures()
    assert (measures["clients"], measures["subscriptions"], measures["channels"]) == (1, 2, 2)
    by_transport = f"clients_by_transport.{client.transport.name}|json"
    assert measures[by_transport] == 1
    await client.vanish()
    measures = hub.measures()
    present = ("clients", "subscriptions", "channels", "users", by_transport)
    gone = (*present, "namespace_subscriptions.chat", "namespace_channels.chat", "namespace_channels.-")
    assert {name: measures[name] for name in gone} == dict.fromkeys(gone, 0)


async def test_commands_are_timed_by_method_refused_ones_too(clock: FakeClock) -> None:
    hub = hub_of(clock)
    client = Client(hub)
    await client.send(connect(), subscribe("chat:a"), subscribe("chat:a", 3), {"id": 4, "rpc": {"method": "x"}})
    counts = {name: histogram.count for name, histogram in hub.histograms.items() if name.startswith("command_s.")}
    assert {name: count for name, count in counts.items() if count} == {
        "command_s.connect": 1,
        "command_s.subscribe": 2,
        "command_s.rpc": 1,
    }
    assert sum(counts.values()) == hub.counters.commands


def test_every_method_has_a_histogram() -> None:
    assert sorted(METHOD_OF.values()) == sorted(method for method, _ in HANDLERS)
    assert {field for field in Command.__struct_fields__ if field != "id"} == set(METHOD_OF.values())


async def test_sizes_of_fan_outs_and_slices_of_flushes(clock: FakeClock) -> None:
    hub = hub_of(clock)
    for _ in range(3):
        await Client(hub).send(connect(), subscribe("chat:a"))
    slices = hub.fan_out.flush_s.count
    for number in range(2):
        await hub.publish("chat:a", str(number).encode())
    await Client(hub).read()
    sizes = hub.histograms["fan_out_subscribers"]
    assert (sizes.count, sizes.total) == (2, 6)
    assert hub.fan_out.flush_s.count > slices


async def test_a_publication_that_is_refused_is_none(clock: FakeClock) -> None:
    hub = hub_of(clock)
    with pytest.raises(ReplyError):
        await hub.publish("nobody:c", b"1")
    assert hub.counters.publications == sum(hub.namespaces.publications.values()) == 0
