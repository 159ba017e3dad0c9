"""The outbox on every database: what is committed is published, at least once, in order, whatever happens between."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest

from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engine import HistoryQuery
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable
from hub.hub import Hub
from hub.relay import outbox as module
from hub.relay import outbox_sweep as sweep_module
from hub.relay import publisher as publisher_module
from hub.relay.outbox import Outbox, OutboxEntry
from hub.relay.outbox_parts import Parts
from hub.supervisor import Supervisor
from storage.database import Query
from tests.support.clock import FakeClock
from tests.support.patience import eventually
from tests.support.unreliable_database import UnreliableDatabase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.engine import Engine, PublishOptions, PublishOutcome
    from hub.protocol.messages import Publication
    from storage.database import Storage, Transaction

NAMESPACES = {"news": ChannelOptions(history_size=10_000, history_ttl_s=3_600)}
PARKED = Query("test_parked", "SELECT 1 FROM outbox WHERE at_ms >= $1")
COUNT = Query("test_count_outbox", "SELECT count(*) FROM outbox")


class GatedEngine(MemoryEngine):
    """Gives no answer to publications while it is down."""

    is_down = False

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        if self.is_down:
            raise EngineUnavailable("down")
        return await super().publish(channel, publication, options)


class Node:
    """An outbox on a hub of its own."""

    def __init__(
        self,
        storage: Storage,
        clock: FakeClock,
        engine: Engine | None = None,
        *,
        is_one_of_many: bool = False,
        **namespaces: Any,
    ) -> None:
        self.storage = storage
        self.relay = UnreliableDatabase(storage.relay)
        self.engine = engine or GatedEngine(clock)
        config = HubConfig(channel=ChannelConfig(namespaces=NAMESPACES | namespaces))
        hub = Hub(config, self.engine, clock)
        parts = Parts(self.relay, clock, hub.uid) if is_one_of_many else None
        self.outbox = Outbox(self.relay, hub, clock, parts=parts)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        """With its tasks; it has seen what was there before, and has its parts, when this begins."""
        async with Supervisor() as supervisor:
            supervisor.start("outbox", self.outbox.run())
            await eventually(lambda: not self.outbox.is_behind and self.outbox.measures()["outbox_parts"])
            yield self
            assert supervisor.task_names, "the outbox has failed"

    async def commit(self, *events: tuple[str, str]) -> list[OutboxEntry]:
        """Leave events in a unit of work, as a change would, and crash before they are handed over."""
        encoded = [(channel, data.encode()) for channel, data in events]
        return await self.storage.business.run(lambda tx: self.outbox.add_many(tx, encoded))

    async def published(self, channel: str = "news:1") -> list[str]:
        history = await self.engine.history(channel, HistoryQuery(limit=-1))
        return [bytes(publication.data).decode() for publication in history.publications]  # type: ignore[arg-type]  # it has data

    async def rows(self) -> int:
        row = await self.storage.relay.fetch_one(COUNT)
        assert row is not None
        return int(row[0])

    async def settled(self) -> None:
        async def is_empty() -> bool:
            return await self.rows() == 0

        await eventually(is_empty)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def numbered(numbers: Sequence[int], channel: str = "news:1") -> list[tuple[str, str]]:
    return [(channel, str(number)) for number in numbers]


async def test_what_was_handed_over_is_published_and_deleted(storage: Storage, clock: FakeClock) -> None:
    async with Node(storage, clock).running() as node:
        for start in range(0, 100, 10):
            node.outbox.publish_soon(await node.commit(*numbered(range(start, start + 10))))
        await node.settled()

        assert await node.published() == [str(number) for number in range(100)]
        measures = node.outbox.measures()
        assert (measures["outbox_published"], measures["outbox_swept"], measures["outbox_waiting"]) == (100, 0, 0)


async def test_one_event_in_a_unit_of_work_of_its_own(storage: Storage, clock: FakeClock) -> None:
    async with Node(storage, clock).running() as node:
        entry = await storage.business.run(lambda tx: node.outbox.add(tx, "news:1", b'{"a":1}'))
        node.outbox.publish_soon([entry])
        await node.settled()

        assert await node.published() == ['{"a":1}']


async def test_what_is_undone_leaves_no_event(storage: Storage, clock: FakeClock) -> None:
    node = Node(storage, clock)

    async def work(tx: Transaction) -> None:
        await node.outbox.add(tx, "news:1", b"1")
        raise LookupError

    with pytest.raises(LookupError):
        await storage.business.run(work)

    assert await node.rows() == 0


async def test_what_a_crash_left_is_swept_in_order(storage: Storage, clock: FakeClock) -> None:
    await Node(storage, clock).commit(*numbered(range(700)))
    clock.advance(1)

    async with Node(storage, clock).running() as node:
        await node.settled()

        assert await node.published() == [str(number) for number in range(700)]
        assert node.outbox.measures()["outbox_swept"] == 700


async def test_what_is_still_in_somebodys_hands_is_not_swept(storage: Storage, clock: FakeClock) -> None:
    async with Node(storage, clock).running() as node:
        other = Node(storage, clock, is_one_of_many=True)
        await other.commit(*numbered([1]))
        clock.advance(1)
        young = await other.commit(*numbered([2], "news:2"))

        await eventually(lambda: _published(node, ["1"]))
        assert node.outbox.measures()["outbox_swept"] == 1
        assert await node.rows() > 0
        node.outbox.publish_soon(young)
        await eventually(lambda: _published(node, ["2"], "news:2"))


async def test_handed_over_and_swept_it_is_published_once(storage: Storage, clock: FakeClock) -> None:
    async with Node(storage, clock).running() as node:
        entries = await node.commit(*numbered(range(10)))
        clock.advance(1)
        await eventually(lambda: _published(node, [str(number) for number in range(10)]))
        node.outbox.publish_soon(entries)
        await node.settled()

        assert await node.published() == [str(number) for number in range(10)]


async def test_nodes_that_sweep_at_once_divide_the_work(storage: Storage, clock: FakeClock) -> None:
    writer = Node(storage, clock)
    for start in range(0, 1_000, 100):
        await writer.commit(*numbered(range(start, start + 100), channel=f"news:{start}"))
    clock.advance(1)
    nodes = [Node(storage, clock, is_one_of_many=True) for _ in range(3)]
    async with nodes[0].running(), nodes[1].running(), nodes[2].running():
        await writer.settled()

    swept = [node.outbox.measures()["outbox_swept"] for node in nodes]
    assert sum(swept) == 1_000, swept
    told = [
        number for node in nodes for start in range(0, 1_000, 100) for number in await node.published(f"news:{start}")
    ]
    assert sorted(map(int, told)) == list(range(1_000))


async def test_an_engine_that_is_down_delays_and_loses_nothing(storage: Storage, clock: FakeClock) -> None:
    engine = GatedEngine(clock)
    async with Node(storage, clock, engine).running() as node:
        engine.is_down = True
        node.outbox.publish_soon(await node.commit(*numbered(range(50))))
        await eventually(lambda: node.outbox.measures()["outbox_failures"] > 0)
        clock.advance(5)
        assert await node.rows() == 50
        engine.is_down = False
        await node.settled()

        assert await node.published() == [str(number) for number in range(50)]


async def test_a_database_that_is_down_delays_deletion_and_nothing_is_told_twice(
    storage: Storage, clock: FakeClock
) -> None:
    async with Node(storage, clock).running() as node:
        entries = await node.commit(*numbered(range(50)))
        node.relay.is_down = True
        node.outbox.publish_soon(entries)
        await eventually(lambda: node.outbox.measures()["outbox_failures"] > 1)
        assert await node.published() == [str(number) for number in range(50)]
        assert await node.rows() == 50
        clock.advance(5)
        node.relay.is_down = False
        await node.settled()

        assert len(await node.published()) == 50
        assert node.outbox.measures()["outbox_swept"] == 0, "they were in its hands all the time"


async def test_more_than_memory_holds_is_published_in_order_all_the_same(
    storage: Storage, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "MAX_WAITING", 60)
    monkeypatch.setattr(sweep_module, "BATCH", 25)
    monkeypatch.setattr(module, "SWEEP_INTERVAL_S", 0.01)
    engine = GatedEngine(clock)
    async with Node(storage, clock, engine).running() as node:
        engine.is_down = True
        for number in range(200):
            node.outbox.publish_soon(await node.commit((f"news:{number % 3}", str(number))))
        assert node.outbox.measures()["outbox_waiting"] <= 60
        assert node.outbox.measures()["outbox_spilled"] == 140
        engine.is_down = False
        for number in range(200, 400):
            node.outbox.publish_soon(await node.commit((f"news:{number % 3}", str(number))))
        clock.advance(1)  # on a shared database it is another node's business after a while, and ours as well
        await node.settled()

        for remainder in range(3):
            expected = [str(number) for number in range(400) if number % 3 == remainder]
            assert await node.published(f"news:{remainder}") == expected
        node.outbox.publish_soon(await node.commit(*numbered([1])))
        await node.settled()
        assert node.outbox.measures()["outbox_spilled"] < 400, "it has gone back to memory"


async def test_what_no_channel_will_have_is_set_aside_for_the_next_start(storage: Storage, clock: FakeClock) -> None:
    async with Node(storage, clock).running() as node:
        node.outbox.publish_soon(await node.commit(("gone:1", "1"), ("news:1", "2")))
        await eventually(lambda: _published(node, ["2"]))
        await eventually(lambda: _rows(node, 1))
        clock.advance(60)
        node.outbox.publish_soon(await node.commit(("news:1", "3")))
        await eventually(lambda: _published(node, ["2", "3"]))
        await eventually(lambda: _rows(node, 1))
        assert node.outbox.measures()["outbox_refused"] == 1

    wiser = Node(storage, clock, gone=NAMESPACES["news"])
    async with wiser.running():
        await wiser.settled()
        assert await wiser.published("gone:1") == ["1"]


async def test_what_was_set_aside_is_given_up_in_the_end(storage: Storage, clock: FakeClock) -> None:
    async with Node(storage, clock).running() as node:
        node.outbox.publish_soon(await node.commit(("gone:1", "1")))
        await eventually(lambda: storage.relay.fetch_one(PARKED, module.PARKED_MS))
        clock.advance(8 * 24 * 3600)
        assert await node.rows() == 1
        node.outbox.publish_soon(await node.commit(("gone:1", "2"), ("gone:1", "3")))
        await eventually(lambda: node.outbox.measures()["outbox_refused"] == 3)
        await eventually(lambda: _rows(node, 2))


async def test_a_node_that_stops_leaves_the_rest_to_the_next(storage: Storage, clock: FakeClock) -> None:
    engine = GatedEngine(clock)
    engine.is_down = True
    async with Node(storage, clock, engine).running() as node:
        node.outbox.publish_soon(await node.commit(*numbered(range(20))))
        await asyncio.sleep(0)

    clock.advance(1)
    engine.is_down = False
    async with Node(storage, clock, engine).running() as node:
        await node.settled()
        assert await node.published() == [str(number) for number in range(20)]


async def _published(node: Node, expected: list[str], channel: str = "news:1") -> bool:
    return await node.published(channel) == expected


async def _rows(node: Node, expected: int) -> bool:
    return await node.rows() == expected
