"""What connections do, on its way to the sinks: never in the hub's way, and what is lost is told."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from hub.config import HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.protocol import codes
from hub.relay.outbox import Outbox
from hub.relay.sinks import client_events as module
from hub.relay.sinks.client_events import ClientEvents
from hub.relay.sinks.tap import Tap, Wanted
from hub.supervisor import Supervisor
from hub.tokens.claims import SessionRef
from tests.support.clock import FakeClock
from tests.support.patience import eventually
from tests.support.unreliable_database import UnreliableDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.connection import Connection
    from hub.relay.entries import OutboxEntry
    from storage.database import Storage


class Sink:
    """Implements Carrier: keeps what it is given."""

    def __init__(self) -> None:
        self.taken: list[OutboxEntry] = []

    async def carry(self, entries: Sequence[OutboxEntry]) -> list[str | None]:
        self.taken += entries
        return [None] * len(entries)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(entry.data) for entry in self.taken]


@dataclass
class Client:
    """As much of a connection as is looked at."""

    client_id: str
    user: str = "ann"
    session: SessionRef | None = None
    close_reason: codes.Disconnect | None = None


@dataclass
class World:
    storage: Storage
    wanted: Wanted = field(default_factory=lambda: Wanted(("*",), ("chat",)))

    def __post_init__(self) -> None:
        self.clock = clock = FakeClock()
        self.database = UnreliableDatabase(self.storage.relay)
        self.sink = Sink()
        tap = Tap({"audit": self.wanted}, {})
        hub = Hub(HubConfig(), MemoryEngine(clock), clock)
        self.outbox = Outbox(self.storage.relay, hub, clock, carriers={"audit": self.sink}, tap=tap)
        self.events = ClientEvents(self.outbox, self.database, clock, tap)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[World]:
        async with Supervisor() as supervisor:
            supervisor.start("outbox", self.outbox.run())
            supervisor.start("events", self.events.run())
            yield self
            assert len(supervisor.task_names) == 2

    def connect(self, number: int) -> Connection:
        client = cast("Connection", Client(f"c{number}"))
        self.events.connected(client)
        return client

    async def gets(self, number: int) -> None:
        await eventually(lambda: len(self.sink.taken) >= number)
        assert len(self.sink.taken) == number


async def test_connections_come_and_go_in_order(storage: Storage) -> None:
    async with World(storage).running() as world:
        session = SessionRef("sid", "did")
        client = Client("c1", session=session)
        world.events.connected(cast("Connection", client))
        client.close_reason = codes.NO_PONG
        world.events.disconnected(cast("Connection", client))
        await world.gets(2)

    who = {"client": "c1", "user": "ann", "session": "sid", "device": "did", "at": 1_700_000_000_000}
    why = {"code": codes.NO_PONG.code, "reason": codes.NO_PONG.reason}
    assert world.sink.events() == [
        {"type": "connection.connected", **who},
        {"type": "connection.disconnected", **who, **why},
    ]
    [first, second] = world.sink.taken
    assert first.lane == second.lane == "connection:c1"
    assert first.headers == {"type": "connection.connected", "time": "1700000000000"}


async def test_publications_of_clients_where_the_namespace_is_named(storage: Storage) -> None:
    async with World(storage).running() as world:
        client = cast("Connection", Client("c1"))
        world.events.published(client, "chat:1", b'{"text":"hi"}')
        world.events.published(client, "news:1", b"1")
        await world.gets(1)
    [event] = world.sink.events()
    assert (event["channel"], event["data"], event["user"]) == ("chat:1", {"text": "hi"}, "ann")


async def test_what_nobody_wants_costs_nothing(storage: Storage) -> None:
    world = World(storage, Wanted(("session.*",)))
    client = world.connect(1)
    world.events.disconnected(client)
    world.events.published(client, "chat:1", b"1")
    assert world.events.measures()["client_events_waiting"] == 0


async def test_a_storm_is_written_many_at_a_time(storage: Storage) -> None:
    async with World(storage).running() as world:
        before = storage.relay.counters.commits
        for number in range(2_000):
            world.connect(number)
        await world.gets(2_000)
        assert storage.relay.counters.commits - before < 200
    assert [entry.channel for entry in world.sink.taken] == [f"connection:c{number}" for number in range(2_000)]


async def test_a_database_that_is_away_delays_and_then_what_was_lost_is_told(
    storage: Storage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_WAITING", 10)
    async with World(storage).running() as world:
        world.database.is_down = True
        for number in range(25):
            world.connect(number)
        await eventually(lambda: world.events.measures()["client_events_failures"])
        assert world.events.measures()["client_events_lost"] == 15
        world.database.is_down = False
        await world.gets(11)

    *kept, told = world.sink.events()
    assert [event["client"] for event in kept] == [f"c{number}" for number in range(10)]
    assert (told["type"], told["count"]) == ("connection.lost_events", 15)
    assert [record.events for record in caplog.records if record.message == "client_events_lost"] == [15]  # type: ignore[attr-defined]  # extra


async def test_it_is_bounded_by_bytes_too(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_WAITING_BYTES", 1_000)
    world = World(storage)
    client = cast("Connection", Client("c1"))
    for _ in range(5):
        world.events.published(client, "chat:1", b'"' + b"x" * 600 + b'"')
    assert world.events.measures()["client_events_waiting"] == 2
    assert world.events.measures()["client_events_lost"] == 3


async def test_an_answer_that_is_lost_sends_twice_and_loses_nothing(storage: Storage) -> None:
    async with World(storage).running() as world:
        world.database.loses_answers = True
        world.connect(1)
        await eventually(lambda: world.events.measures()["client_events_failures"])
        world.database.loses_answers = False
        await eventually(lambda: world.events.measures()["client_events_written"])
        world.clock.advance(1)  # what was written the first time is in nobody's hands
        await eventually(lambda: len(world.sink.taken) >= 2)
    assert {event["client"] for event in world.sink.events()} == {"c1"}
