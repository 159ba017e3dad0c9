"""Several nodes on one outbox, whatever happens to them: everything arrives, in order per key, and nothing stays.

Nodes crash, are paused and go on, lose the database or the engine, and forget to hand over what they have committed.
What a subscriber sees is the engine's stream: repeats under one key are dropped there, as everywhere.
"""

from __future__ import annotations

import asyncio
import os
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engine import HistoryQuery
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable
from hub.hub import Hub
from hub.relay import outbox as module
from hub.relay.outbox import Outbox
from hub.relay.outbox_parts import Parts
from hub.supervisor import Supervisor
from storage.database import Query
from storage.opening import open_storage
from tests.support.clock import FakeClock
from tests.support.patience import eventually
from tests.support.unreliable_database import UnreliableDatabase

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from hub.engine import PublishOptions, PublishOutcome
    from hub.protocol.messages import Publication
    from hub.relay.entries import OutboxEntry
    from storage.config import StorageConfig
    from storage.database import Database, Storage, Transaction

T = TypeVar("T")

IS_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
EXAMPLES = {"sqlite": 500 if IS_THOROUGH else 30, "postgres": 150 if IS_THOROUGH else 10}

CONFIG = HubConfig(
    channel=ChannelConfig(namespaces={"news": ChannelOptions(history_size=10_000, history_ttl_s=1e6)}),
    idempotent_result_ttl_s=1e6,
)
NUM_NODES = 3
KEYS = ("a", "b")
LEASE_S = 0.2
"""PostgreSQL's clock is real: a lease is what an example may have to wait for."""

COUNT = Query("test_count", "SELECT count(*) FROM outbox")
EMPTY = Query("test_empty", "DELETE FROM outbox")
FREE = Query("test_free", "UPDATE outbox_parts SET owner = '', until_ms = 0")


class PausedDatabase(UnreliableDatabase):
    """Asks nothing while its node is paused."""

    def __init__(self, inner: Database, is_running: asyncio.Event) -> None:
        super().__init__(inner)
        self._is_running = is_running

    async def fetch(self, query: Query, *values: Any) -> list[Any]:
        await self._is_running.wait()
        rows = await super().fetch(query, *values)
        await self._is_running.wait()
        return rows

    async def run(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        await self._is_running.wait()
        result = await super().run(work)
        await self._is_running.wait()
        return result


class PausedEngine(MemoryEngine):
    """The engine that all nodes share, as one node reaches it."""

    def __init__(self, shared: MemoryEngine, clock: FakeClock, is_running: asyncio.Event) -> None:
        super().__init__(clock)
        self._shared = shared
        self._is_running = is_running
        self.is_down = self.loses_answers = False

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        await self._is_running.wait()
        await asyncio.sleep(0)
        if self.is_down:
            raise EngineUnavailable("down")
        outcome = await self._shared.publish(channel, publication, options)
        await asyncio.sleep(0)
        await self._is_running.wait()
        if self.loses_answers:
            raise EngineUnavailable("after it was done")
        return outcome


class Node:
    def __init__(self, storage: Storage, clock: FakeClock, shared: MemoryEngine) -> None:
        self.is_running = asyncio.Event()
        self.is_running.set()
        self.relay = PausedDatabase(storage.relay, self.is_running)
        self.engine = PausedEngine(shared, clock, self.is_running)
        hub = Hub(CONFIG, self.engine, clock)
        parts = Parts(self.relay, clock, hub.uid, lease_s=LEASE_S, renew_interval_s=0.01)
        self.outbox = Outbox(self.relay, hub, clock, parts=parts, notifications=storage.notifications)
        self.unsaid: list[list[OutboxEntry]] = []
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        supervisor = await self._stack.enter_async_context(Supervisor())
        supervisor.start("outbox", self.outbox.run())

    async def crash(self) -> None:
        """It says goodbye to nobody."""
        self.relay.is_down = True
        await self._stack.aclose()

    def heal(self) -> None:
        self.relay.is_down = self.relay.loses_answers = False
        self.engine.is_down = self.engine.loses_answers = False
        self.is_running.set()


class World:
    """The nodes, and what was committed."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.clock = FakeClock()
        self.shared = MemoryEngine(self.clock)
        self.shared.bind(Hub(CONFIG, MemoryEngine(self.clock), self.clock))
        self.nodes = [Node(storage, self.clock, self.shared) for _ in range(NUM_NODES)]
        self.committed: dict[str, list[str]] = {key: [] for key in KEYS}
        self._number = 0

    async def begin(self) -> None:
        for statement in (EMPTY, FREE):
            await self.storage.relay.run(lambda tx, s=statement: tx.execute(s))  # type: ignore[misc]  # mypy knows no lambda with defaults
        for node in self.nodes:
            await node.start()

    async def act(self, what: str, number: int, key: str, amount: int) -> None:
        await getattr(self, f"do_{what}")(self.nodes[number], key, amount)

    async def do_commit(self, node: Node, key: str, amount: int) -> None:
        node.outbox.publish_soon(await self._commit(node, key, amount))

    async def do_commit_and_say_so_later(self, node: Node, key: str, amount: int) -> None:
        node.unsaid.append(await self._commit(node, key, amount))

    async def do_say_so(self, node: Node, key: str, amount: int) -> None:
        for entries in node.unsaid:
            node.outbox.publish_soon(entries)
        node.unsaid.clear()

    async def do_pause(self, node: Node, key: str, amount: int) -> None:
        node.is_running.clear()

    async def do_go_on(self, node: Node, key: str, amount: int) -> None:
        node.is_running.set()

    async def do_crash(self, node: Node, key: str, amount: int) -> None:
        await node.crash()
        fresh = Node(self.storage, self.clock, self.shared)
        self.nodes[self.nodes.index(node)] = fresh
        await fresh.start()

    async def do_lose_the_engine(self, node: Node, key: str, amount: int) -> None:
        node.engine.is_down = not node.engine.is_down

    async def do_lose_answers_of_the_engine(self, node: Node, key: str, amount: int) -> None:
        node.engine.loses_answers = not node.engine.loses_answers

    async def do_lose_the_database(self, node: Node, key: str, amount: int) -> None:
        node.relay.is_down = not node.relay.is_down

    async def do_lose_answers_of_the_database(self, node: Node, key: str, amount: int) -> None:
        node.relay.loses_answers = not node.relay.loses_answers

    async def do_let_time_pass(self, node: Node, key: str, amount: int) -> None:
        self.clock.advance(0.15 * amount)

    async def do_let_them_work(self, node: Node, key: str, amount: int) -> None:
        """A unit of work after the other: each is a turn for everybody."""
        for _ in range(5 * amount):
            await self.storage.relay.run(_nothing)

    async def _commit(self, node: Node, key: str, amount: int) -> list[OutboxEntry]:
        events = []
        for _ in range(amount):
            self._number += 1
            self.committed[key].append(str(self._number))
            events.append((f"news:{key}", str(self._number).encode()))
        return await self.storage.business.run(lambda tx: node.outbox.add_many(tx, events))

    async def end(self) -> None:
        for node in self.nodes:
            node.heal()
        try:
            await eventually(self._is_empty)
        finally:
            for node in self.nodes:
                await node.crash()

    async def _is_empty(self) -> bool:
        self.clock.advance(0.01)
        row = await self.storage.relay.fetch_one(COUNT)
        return row is not None and row[0] == 0

    async def check(self) -> None:
        for key, committed in self.committed.items():
            history = await self.shared.history(f"news:{key}", HistoryQuery(limit=-1))
            assert [bytes(each.data).decode() for each in history.publications] == committed  # type: ignore[arg-type]  # it has data


async def _nothing(tx: Transaction) -> None:
    """A unit of work that does nothing."""


ACTS = st.sampled_from(
    [name.removeprefix("do_") for name in vars(World) if name.startswith("do_")]
    + ["commit", "let_them_work"] * 5
    + ["commit_and_say_so_later"] * 3
    + ["let_time_pass", "say_so"]
)
STEPS = st.lists(
    st.tuples(ACTS, st.integers(0, NUM_NODES - 1), st.sampled_from(KEYS), st.integers(1, 4)), min_size=20, max_size=60
)


@pytest.fixture(autouse=True)
def _hasty_outbox(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETTLE_INTERVAL_S", 0.002)
    monkeypatch.setattr(module, "SWEEP_INTERVAL_S", 0.005)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_everything_arrives_in_order_and_nothing_stays(storage_config: StorageConfig) -> None:
    kind = "postgres" if storage_config.is_postgres else "sqlite"

    @settings(max_examples=EXAMPLES[kind], deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
    @given(steps=STEPS)
    def run(steps: Sequence[tuple[str, int, str, int]]) -> None:
        asyncio.run(_play(storage_config, steps))

    run()


async def _play(config: StorageConfig, steps: Sequence[tuple[str, int, str, int]]) -> None:
    async with open_storage(config) as storage:
        world = World(storage)
        await world.begin()
        try:
            for step in steps:
                await world.act(*step)
        finally:
            await world.end()
        await world.check()
