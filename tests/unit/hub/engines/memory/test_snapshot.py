from __future__ import annotations

import gc
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule
from msgspec import Raw

from hub.engine import HistoryQuery, PublishOptions, PublishOutcome
from hub.engines.memory import MemoryEngine
from hub.engines.memory.snapshot import (
    FORMAT,
    Snapshot,
    SnapshotUnreadable,
    StreamImage,
    decode_snapshot,
    encode_snapshot,
)
from hub.protocol.messages import ClientInfo, Publication, StreamPosition
from tests.contract.engine_machine import EngineMachine
from tests.support.clock import FakeClock
from tests.support.recording_listener import RecordingListener

LOGGED = PublishOptions(history_size=10, history_ttl_s=60, history_meta_ttl_s=600)
ALL = HistoryQuery(limit=-1, meta_ttl_s=600)
ONCE = PublishOptions(history_size=10, history_ttl_s=60, history_meta_ttl_s=600, idempotency_key="once")


def engine_at(clock: FakeClock, **options: int) -> MemoryEngine:
    engine = MemoryEngine(clock, **options)
    engine.bind(RecordingListener())
    return engine


def restarted(engine: MemoryEngine, clock: FakeClock, *, away_s: float = 0) -> MemoryEngine:
    """The next run of the node, on a machine whose monotonic clock has started over."""
    data = engine.dump()
    successor = engine_at(FakeClock(clock.now_s() + away_s))
    successor.load(data)
    return successor


async def published(engine: MemoryEngine, options: PublishOptions = LOGGED) -> PublishOutcome:
    return await engine.publish("news", Publication(Raw(b"1")), options)


async def test_streams_go_on_where_they_stopped() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    for _ in range(3):
        await published(engine)
    before = await engine.history("news", ALL)
    successor = restarted(engine, clock)
    assert await successor.history("news", ALL) == before
    assert (await published(successor)).position == StreamPosition(4, before.position.epoch)
    assert [found.offset for found in (await successor.history("news", ALL)).publications] == [1, 2, 3, 4]


async def test_publications_come_back_byte_for_byte() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    data = Raw('{"text": "é \\u0041 \\n \U0001f40d", "number": 1.0e3, "spaces" :[ ],"text": null}'.encode())
    info = ClientInfo("ann", "client-1", Raw(b'{"name": "Ann"}'), Raw(b"[1,  2]"))
    tags = {"trace": "00-ab", "ünicode": "\x00\x1f\U0001f40d"}
    await engine.publish("news", Publication(data, info, 0, tags), LOGGED)
    await engine.publish("news", Publication(Raw(b'""'), ClientInfo("", "")), LOGGED)
    publications = (await restarted(engine, clock).history("news", ALL)).publications
    assert publications == [Publication(data, info, 1, tags), Publication(Raw(b'""'), ClientInfo("", ""), 2)]


async def test_an_unread_channel_keeps_its_epoch() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    position = (await engine.history("news", ALL)).position
    assert (await restarted(engine, clock).history("news", ALL)).position == position


async def test_a_repeat_after_the_restart_is_a_repeat() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    first = await published(engine, ONCE)
    successor = restarted(engine, clock)
    assert await published(successor, ONCE) == PublishOutcome(first.position, is_suppressed=True)


async def test_an_old_version_after_the_restart_is_an_old_version() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    options = PublishOptions(history_size=1, history_ttl_s=60, version=5, version_epoch="monday")
    await published(engine, options)
    assert (await published(restarted(engine, clock), options)).is_suppressed


@pytest.mark.parametrize(("away_s", "is_kept"), [(0, True), (29, True), (30, False), (-1000, True)])
async def test_time_away_counts_against_the_ttl(away_s: float, is_kept: bool) -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    position = (await published(engine)).position
    clock.advance(30)
    history = await restarted(engine, clock, away_s=away_s).history("news", ALL)
    assert bool(history.publications) == is_kept
    assert history.position == position


@pytest.mark.parametrize(("away_s", "is_kept"), [(0, True), (569, True), (570, False)])
async def test_time_away_counts_against_the_meta_ttl(away_s: float, is_kept: bool) -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    position = (await published(engine)).position
    clock.advance(30)
    history = await restarted(engine, clock, away_s=away_s).history("news", ALL)
    assert (history.position == position) == is_kept


@pytest.mark.parametrize(("away_s", "is_kept"), [(0, True), (269, True), (270, False)])
async def test_time_away_counts_against_the_ttl_of_a_key(away_s: float, is_kept: bool) -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    await published(engine, ONCE)
    clock.advance(30)
    assert (await published(restarted(engine, clock, away_s=away_s), ONCE)).is_suppressed == is_kept


async def test_a_wall_clock_set_back_does_not_prolong_a_ttl() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    await published(engine)
    set_back = FakeClock(clock.now_s() - 1000)
    successor = engine_at(set_back)
    successor.load(engine.dump())
    set_back.advance(60)
    assert (await successor.history("news", ALL)).publications == []


async def test_what_was_taken_over_is_given_back_after_its_time() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    await published(engine, ONCE)
    successor_clock = FakeClock(clock.now_s())
    successor = engine_at(successor_clock)
    assert successor.load(engine.dump()) == 1
    assert (successor.holdings().streams, successor.holdings().idempotency_keys) == (1, 1)
    successor_clock.advance(600)
    while successor.sweep(budget=10):
        pass
    assert not any(successor.holdings())


async def test_presence_and_subscriptions_do_not_travel() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    await engine.add_presence("news", "client-1", ClientInfo("ann", "client-1"), 60)
    await engine.subscribe("news")
    assert not any(restarted(engine, clock).holdings())


async def test_more_keys_than_are_kept_lose_the_oldest() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    for key in ("one", "two", "three"):
        await published(engine, PublishOptions(idempotency_key=key))
    successor = engine_at(clock, max_idempotency_keys=2)
    successor.load(engine.dump())
    repeats = [await published(successor, PublishOptions(idempotency_key=key)) for key in ("three", "two", "one")]
    assert [outcome.is_suppressed for outcome in repeats] == [True, True, False]


async def test_what_was_taken_over_does_not_keep_the_snapshot_in_memory() -> None:
    clock = FakeClock()
    engine = engine_at(clock)
    info = ClientInfo("ann", "client-1", Raw(b'"conn"'), Raw(b'"chan"'))
    await engine.publish("news", Publication(Raw(b"1"), info, 0, {"tag": "value"}), ONCE)
    data = engine.dump()
    references = sys.getrefcount(data)
    successor = engine_at(clock)
    successor.load(data)
    gc.collect()
    assert sys.getrefcount(data) == references


async def a_snapshot() -> bytes:
    engine = engine_at(FakeClock())
    await published(engine, ONCE)
    return engine.dump()


@pytest.mark.parametrize("data", [b"", b"{}", b"null", b"\xff\xfe", b"[" * 100_000, b'{"format":1}'])
def test_something_else_is_unreadable(data: bytes) -> None:
    with pytest.raises(SnapshotUnreadable):
        decode_snapshot(data)


def test_another_format_is_unreadable() -> None:
    with pytest.raises(SnapshotUnreadable, match="format 2, expected 1"):
        decode_snapshot(encode_snapshot(Snapshot(FORMAT + 1, 0, [], [])))


async def test_of_an_unreadable_snapshot_nothing_is_taken_over() -> None:
    data = await a_snapshot()
    engine = engine_at(FakeClock())
    with pytest.raises(SnapshotUnreadable):
        engine.load(data[:-1])
    assert not any(engine.holdings())


@settings(deadline=None)
@given(cut=st.integers(0, 10_000), garbage=st.binary(max_size=8))
async def test_a_damaged_snapshot_is_read_or_unreadable_and_nothing_else(cut: int, garbage: bytes) -> None:
    data = await a_snapshot()
    at = cut % len(data)
    try:
        decode_snapshot(data[:at] + garbage + data[at + len(garbage) :])
    except SnapshotUnreadable:
        return


async def test_a_snapshot_that_breaks_the_rules_does_not_break_sweeping() -> None:
    """STR-3, whatever the bytes say."""
    image = StreamImage("news", "abcdefgh", 1, 60, 1, 0, "", [Publication(Raw(b"1"), offset=1)])
    clock = FakeClock()
    engine = engine_at(clock)
    engine.load(encode_snapshot(Snapshot(FORMAT, clock.now_s(), [image], [])))
    for seconds in (1, 59):
        clock.advance(seconds)
        while engine.sweep(budget=10):
            pass
    assert not any(engine.holdings())


class RestartingMemoryMachine(EngineMachine):
    """A restart changes nothing that a client could tell by its streams."""

    specimen_name = "memory-lazy"

    @rule()
    def restart(self) -> None:
        engine = self.engine
        assert isinstance(engine, MemoryEngine)
        clock = engine._clock
        successor = MemoryEngine(clock)
        successor.bind(self.listener)
        successor.load(engine.dump())
        self.engine = successor
        self.model.leases.clear()
        for channel in self.model.subscribed:
            self.run(successor.subscribe(channel))


TestRestarting = RestartingMemoryMachine.TestCase
TestRestarting.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
