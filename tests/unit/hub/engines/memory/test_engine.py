"""What only the memory engine does; what every engine does is in tests/contract."""

from __future__ import annotations

import asyncio
import gc
import tracemalloc
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest
from msgspec import Raw

from hub.engine import HistoryQuery, NodeInfo, PublishOptions, PublishOutcome
from hub.engines.memory import Holdings, MemoryEngine
from hub.engines.memory.engine import SWEEP_BUDGET
from hub.protocol.messages import ClientInfo, Publication, StreamPosition
from tests.support.clock import FakeClock
from tests.support.recording_listener import RecordingListener

LOGGED = PublishOptions(history_size=10, history_ttl_s=60, history_meta_ttl_s=600, idempotency_key="once")
ALL = HistoryQuery(limit=-1)
ANN = ClientInfo("ann", "client-1")
NOTHING_HELD = Holdings(
    streams=0,
    idempotency_keys=0,
    idempotency_evictions=0,
    presence_channels=0,
    deadlines=0,
    subscriptions=0,
)


class StrictClock(FakeClock):
    """A clock whose wall may step: nothing that expires may look at it."""

    def now_s(self) -> float:
        raise AssertionError("a TTL is not a matter of the wall clock")


class FaultyListener(RecordingListener):
    def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:
        raise ZeroDivisionError


@pytest.fixture
def clock() -> FakeClock:
    return StrictClock()


@pytest.fixture
def listener() -> RecordingListener:
    return RecordingListener()


@pytest.fixture
def engine(clock: FakeClock, listener: RecordingListener) -> MemoryEngine:
    engine = MemoryEngine(clock, sweep_interval_s=0)
    engine.bind(listener)
    return engine


def step(call: Coroutine[Any, Any, object]) -> bool:
    """Run the call up to where it first suspends; say whether it got to its end."""
    try:
        call.send(None)
    except StopIteration:
        return True
    call.close()
    return False


def sweep_all(engine: MemoryEngine) -> None:
    while engine.sweep(SWEEP_BUDGET):
        pass


async def use_everything(engine: MemoryEngine, suffix: str) -> None:
    await engine.publish(f"news-{suffix}", Publication(Raw(b"1")), LOGGED)
    await engine.publish(f"live-{suffix}", Publication(Raw(b"1")), PublishOptions(idempotency_key="once"))
    await engine.history(f"read-{suffix}", HistoryQuery(meta_ttl_s=600))
    await engine.add_presence(f"news-{suffix}", "client-1", ANN, 60)


CALLS: dict[str, Callable[[MemoryEngine], Coroutine[Any, Any, object]]] = {
    "publish": lambda engine: engine.publish("news", Publication(Raw(b"1")), LOGGED),
    "publish_join": lambda engine: engine.publish_join("news", ANN),
    "publish_leave": lambda engine: engine.publish_leave("news", ANN),
    "history": lambda engine: engine.history("news", ALL),
    "remove_history": lambda engine: engine.remove_history("news"),
    "add_presence": lambda engine: engine.add_presence("news", "client-1", ANN, 60),
    "remove_presence": lambda engine: engine.remove_presence("news", "client-1", "ann"),
    "presence": lambda engine: engine.presence("news"),
    "presence_stats": lambda engine: engine.presence_stats("news"),
    "subscribe": lambda engine: engine.subscribe("sport"),
    "unsubscribe": lambda engine: engine.unsubscribe("news"),
    "control": lambda engine: engine.control(b"message"),
    "announce": lambda engine: engine.announce(NodeInfo("n1", "one")),
    "nodes": lambda engine: engine.nodes(),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
async def test_every_call_is_one_step_of_the_loop(
    engine: MemoryEngine, call: Callable[[MemoryEngine], Coroutine[Any, Any, object]]
) -> None:
    await engine.subscribe("news")
    assert step(call(engine))


async def test_a_publication_is_in_the_history_when_the_listener_is_told(clock: FakeClock) -> None:
    memory_engine = MemoryEngine(clock)
    seen: list[list[int]] = []

    class LookingListener(RecordingListener):
        def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:
            assert step(self.look(channel))

        async def look(self, channel: str) -> None:
            history = await memory_engine.history(channel, ALL)
            seen.append([found.offset for found in history.publications])

    memory_engine.bind(LookingListener())
    await memory_engine.subscribe("news")
    for _ in range(2):
        await memory_engine.publish("news", Publication(Raw(b"1")), PublishOptions(history_size=10, history_ttl_s=60))
    assert seen == [[1], [1, 2]]


async def test_hands_over_the_stored_publication_itself(engine: MemoryEngine, listener: RecordingListener) -> None:
    publication = Publication(Raw(b"1"))
    await engine.subscribe("news")
    await engine.publish("news", publication, LOGGED)
    assert listener.publications[0].publication is publication
    assert (await engine.history("news", ALL)).publications[0] is publication


async def test_a_retry_after_the_listener_failed_adds_nothing(clock: FakeClock) -> None:
    engine = MemoryEngine(clock)
    engine.bind(FaultyListener())
    await engine.subscribe("news")
    with pytest.raises(ZeroDivisionError):
        await engine.publish("news", Publication(Raw(b"1")), LOGGED)
    position = (await engine.history("news", ALL)).position
    assert position.offset == 1
    assert await engine.publish("news", Publication(Raw(b"1")), LOGGED) == PublishOutcome(position, is_suppressed=True)


async def test_an_offset_from_elsewhere_does_not_stay_without_history(
    engine: MemoryEngine, listener: RecordingListener
) -> None:
    await engine.subscribe("news")
    await engine.publish("news", Publication(Raw(b"1"), offset=7), PublishOptions())
    assert listener.publications[0].publication.offset == 0


async def test_everything_is_given_back_after_its_time(engine: MemoryEngine, clock: FakeClock) -> None:
    for number in range(10):
        await use_everything(engine, str(number))
    assert engine.holdings() == Holdings(
        streams=20,
        idempotency_keys=20,
        idempotency_evictions=0,
        presence_channels=10,
        deadlines=40,
        subscriptions=0,
    )
    clock.advance(600)
    sweep_all(engine)
    assert engine.holdings() == NOTHING_HELD


async def test_the_memory_itself_comes_back(engine: MemoryEngine, clock: FakeClock) -> None:
    async def fill_and_empty() -> tuple[int, int]:
        for number in range(2000):
            await use_everything(engine, str(number))
        full, _ = tracemalloc.get_traced_memory()
        clock.advance(600)
        sweep_all(engine)
        gc.collect()
        empty, _ = tracemalloc.get_traced_memory()
        return full, empty

    tracemalloc.start()
    try:
        full, empty = await fill_and_empty()
        _, empty_again = await fill_and_empty()
    finally:
        tracemalloc.stop()
    # What stays are tables of dictionaries sized for the worst they have seen; a second round may not add to it.
    assert empty < full / 4
    assert empty_again < empty * 1.1


async def test_sweeping_spends_its_budget_over_everything(engine: MemoryEngine, clock: FakeClock) -> None:
    await use_everything(engine, "1")
    clock.advance(600)
    # A log of one publication (2), two positions (2), two idempotency keys (2), a lease (1).
    assert [engine.sweep(budget=2) for _ in range(4)] == [2, 2, 2, 1]
    assert engine.holdings() == NOTHING_HELD


@asynccontextmanager
async def running(engine: MemoryEngine) -> AsyncIterator[None]:
    task = asyncio.create_task(engine.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def steps_until_nothing_is_held(engine: MemoryEngine) -> list[Holdings]:
    """Return what was held after each step of the loop; of those it may take no more than a thousand."""
    steps = [engine.holdings()]
    while steps[-1] != NOTHING_HELD:
        assert len(steps) < 1000
        await asyncio.sleep(0)
        steps.append(engine.holdings())
    return steps


async def test_running_frees_what_expired_in_slices(engine: MemoryEngine, clock: FakeClock) -> None:
    for number in range(SWEEP_BUDGET):
        await use_everything(engine, str(number))
    clock.advance(600)
    async with running(engine):
        steps = await steps_until_nothing_is_held(engine)
    # 7 steps of work for each use: see test_sweeping_spends_its_budget_over_everything
    assert len(set(steps)) == 1 + 7


async def test_running_goes_on_when_there_was_nothing_to_free(engine: MemoryEngine, clock: FakeClock) -> None:
    async with running(engine):
        for number in range(3):
            await steps_until_nothing_is_held(engine)
            await use_everything(engine, str(number))
            clock.advance(600)
        await steps_until_nothing_is_held(engine)


async def test_the_number_of_idempotency_keys_is_bounded(clock: FakeClock, listener: RecordingListener) -> None:
    engine = MemoryEngine(clock, max_idempotency_keys=2)
    engine.bind(listener)
    for key in ("one", "two", "three"):
        await engine.publish("news", Publication(Raw(b"1")), PublishOptions(idempotency_key=key))
    holdings = engine.holdings()
    assert (holdings.idempotency_keys, holdings.idempotency_evictions) == (2, 1)
    assert (await engine.publish("news", Publication(Raw(b"1")), PublishOptions(idempotency_key="three"))).is_suppressed


async def test_the_default_meta_ttl_is_the_engines(clock: FakeClock) -> None:
    engine = MemoryEngine(clock, history_meta_ttl_s=5)
    first = (await engine.history("news", HistoryQuery())).position
    clock.advance(4)
    assert (await engine.history("news", HistoryQuery())).position == first
    clock.advance(5)
    assert (await engine.history("news", HistoryQuery())).position.epoch != first.epoch


async def test_an_engine_that_starts_again_has_other_epochs(clock: FakeClock) -> None:
    before = await MemoryEngine(clock).history("news", ALL)
    after = await MemoryEngine(clock).history("news", ALL)
    assert before.position.epoch != after.position.epoch


async def test_expired_nodes_are_forgotten_for_good(engine: MemoryEngine, clock: FakeClock) -> None:
    await engine.announce(NodeInfo("n1", "one"))
    clock.advance(10)
    assert await engine.nodes() == []
    await engine.announce(NodeInfo("n2", "two"))
    clock.advance(9.9)
    assert await engine.nodes() == [NodeInfo("n2", "two")]
