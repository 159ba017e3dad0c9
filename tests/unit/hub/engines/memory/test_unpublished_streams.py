"""Streams that were only ever read: how many a node keeps, and what becomes of those it does not."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from hub.engine import HistoryQuery, PublishOptions
from hub.engines.memory import MemoryEngine, streams
from hub.engines.memory.deadlines import MIN_STALE, Deadlines
from hub.engines.memory.streams import Streams
from hub.protocol.messages import Publication, StreamPosition
from tests.support.clock import FakeClock
from tests.unit.hub.examples import examples

MOST = 3
TTL_S = 600
OPTIONS = PublishOptions(history_size=10, history_ttl_s=60, history_meta_ttl_s=TTL_S)
ALL = HistoryQuery(limit=-1, meta_ttl_s=TTL_S)
PLENTY = 1_000_000


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_UNPUBLISHED", MOST)


def epoch_of(found: Streams, channel: str, now_s: float = 0) -> str:
    return found.read(channel, ALL, now_s).position.epoch


def test_the_one_unread_for_longest_is_forgotten_first() -> None:
    found = Streams(TTL_S)
    epochs = {channel: epoch_of(found, channel) for channel in "abc"}
    assert epoch_of(found, "a") == epochs["a"]
    epoch_of(found, "d")
    assert len(found) == MOST
    assert {channel: epoch_of(found, channel) for channel in "ac"} == {"a": epochs["a"], "c": epochs["c"]}
    assert epoch_of(found, "b") != epochs["b"], "another stream, and honest about it"


def test_what_was_published_to_is_kept_whatever_is_read() -> None:
    found = Streams(TTL_S)
    positions = [found.append(f"p{n}", Publication(), OPTIONS, now_s=0).position for n in range(2 * MOST)]
    for number in range(10 * MOST):
        epoch_of(found, f"r{number}")
    assert len(found) == 3 * MOST
    assert [found.read(f"p{n}", ALL, now_s=0).position for n in range(2 * MOST)] == positions
    assert all(len(found.read(f"p{n}", ALL, now_s=0).publications) == 1 for n in range(2 * MOST))


def test_a_publication_to_a_new_channel_takes_no_place_of_what_is_read() -> None:
    found = Streams(TTL_S)
    epochs = {channel: epoch_of(found, channel) for channel in "abc"}
    found.append("new", Publication(), OPTIONS, now_s=0)
    assert {channel: epoch_of(found, channel) for channel in "abc"} == epochs


def test_a_first_publication_keeps_a_stream_and_its_epoch() -> None:
    found = Streams(TTL_S)
    epoch = epoch_of(found, "a")
    found.append("a", Publication(), OPTIONS, now_s=0)
    for number in range(10 * MOST):
        epoch_of(found, f"r{number}")
    assert found.read("a", ALL, now_s=0).position == StreamPosition(1, epoch)
    assert len(found) == 1 + MOST


def test_a_stream_whose_publications_were_removed_has_been_published_to() -> None:
    found = Streams(TTL_S)
    position = found.append("a", Publication(), OPTIONS, now_s=0).position
    found.clear("a")
    for number in range(10 * MOST):
        epoch_of(found, f"r{number}")
    assert found.read("a", ALL, now_s=0).position == position


def test_forgetting_early_leaves_no_deadlines_behind() -> None:
    found = Streams(TTL_S)
    for number in range(10 * MIN_STALE):
        epoch_of(found, f"r{number}")
    assert (len(found), found.num_deadlines) == (MOST, MOST)
    assert len(found._to_forget_unpublished._heap) <= 2 * MOST + MIN_STALE + 1
    assert found.sweep(TTL_S, PLENTY) == MOST
    assert (len(found), found.num_deadlines) == (0, 0)


def test_sweeping_survives_that_an_expired_stream_came_back_empty_and_was_forgotten_early() -> None:
    found = Streams(TTL_S)
    found.append("a", Publication(), OPTIONS, now_s=0)
    for number, channel in enumerate(["a", *(f"r{n}" for n in range(MOST))]):
        epoch_of(found, channel, now_s=TTL_S + number)  # not swept since
    found.sweep(TTL_S + MOST, PLENTY)
    assert len(found) == MOST
    found.sweep(3 * TTL_S, PLENTY)
    assert (len(found), found.num_deadlines) == (0, 0)


def test_a_handover_holds_no_more_of_them_than_a_node_keeps(monkeypatch: pytest.MonkeyPatch) -> None:
    before, after = Streams(TTL_S), Streams(TTL_S)
    monkeypatch.setattr(streams, "MAX_UNPUBLISHED", 2 * MOST)
    for number in range(2 * MOST):
        epoch_of(before, f"r{number}")
    before.append("a", Publication(), OPTIONS, now_s=0)
    monkeypatch.setattr(streams, "MAX_UNPUBLISHED", MOST)
    after.restore(before.images(0), 0, 0)
    assert len(after) == 1 + MOST
    assert epoch_of(after, "a") == epoch_of(before, "a")
    after.sweep(TTL_S, PLENTY)
    assert (len(after), after.num_deadlines) == (0, 0)


async def test_a_client_that_reads_made_up_names_costs_the_node_a_bounded_amount() -> None:
    engine = MemoryEngine(FakeClock())
    for number in range(100):
        await engine.history(f"made-up-{number}", HistoryQuery())
    assert engine.holdings().streams == MOST


class Known(NamedTuple):
    """What the model knows of a stream."""

    epoch: str
    until_s: float
    is_published: bool


class UnpublishedMachine(RuleBasedStateMachine):
    """Streams against a model of them: one dict, in the order of their last use."""

    def __init__(self) -> None:
        super().__init__()
        self.found = Streams(TTL_S)
        self.now_s = 0.0
        self.known: dict[str, Known] = {}

    def use(self, channel: str, ttl_s: int, epoch: str, *, publishes: bool) -> None:
        known = self.known.pop(channel, None)
        if known is not None and known.until_s <= self.now_s:
            known = None
        assert known is None or known.epoch == epoch
        is_published = publishes or (known is not None and known.is_published)
        self.known[channel] = Known(epoch, self.now_s + ttl_s, is_published)
        unpublished = [name for name, stream in self.known.items() if not stream.is_published]
        if len(unpublished) > MOST:
            del self.known[unpublished[0]]

    @rule(channel=st.sampled_from("abcdefg"), ttl_s=st.integers(1, 5))
    def read(self, channel: str, ttl_s: int) -> None:
        position = self.found.read(channel, HistoryQuery(meta_ttl_s=ttl_s), self.now_s).position
        self.use(channel, ttl_s, position.epoch, publishes=False)

    @rule(channel=st.sampled_from("abcdefg"), ttl_s=st.integers(1, 5))
    def publish(self, channel: str, ttl_s: int) -> None:
        options = PublishOptions(history_size=1, history_ttl_s=1, history_meta_ttl_s=ttl_s)
        position = self.found.append(channel, Publication(), options, self.now_s).position
        assert position is not None
        self.use(channel, ttl_s, position.epoch, publishes=True)

    @rule(seconds=st.integers(1, 3))
    def pass_time(self, seconds: int) -> None:
        self.now_s += seconds

    @rule()
    def sweep(self) -> None:
        self.found.sweep(self.now_s, PLENTY)
        self.known = {name: stream for name, stream in self.known.items() if stream.until_s > self.now_s}

    @invariant()
    def the_same_streams_are_held(self) -> None:
        assert {name: stream.epoch for name, stream in self.found._streams.items()} == {
            name: stream.epoch for name, stream in self.known.items()
        }

    @invariant()
    def the_unpublished_are_bounded(self) -> None:
        held = [name for name, stream in self.found._streams.items() if not stream.top_offset]
        assert set(held) == set(self.found._unpublished)
        assert len(held) <= MOST


TestUnpublishedStreams = UnpublishedMachine.TestCase
TestUnpublishedStreams.settings = settings(max_examples=examples(200), stateful_step_count=40, deadline=None)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["watch", "discard"]), st.integers(0, 5), st.integers(0, 20)), max_size=60))
def test_a_discarded_key_comes_up_only_when_it_is_watched_again(steps: list[tuple[str, int, int]]) -> None:
    deadlines = Deadlines[int]()
    soonest: dict[int, int] = {}
    for step, key, at_s in steps:
        if step == "watch":
            deadlines.watch(key, at_s)
            soonest[key] = min(at_s, soonest.get(key, at_s))
        else:
            deadlines.discard(key)
            soonest.pop(key, None)
        assert len(deadlines) == len(soonest)
    came_up = []
    for now_s in range(21):
        while (due := deadlines.pop_due(now_s)) is not None:
            came_up.append((now_s, due))
    assert sorted(came_up) == sorted((at_s, key) for key, at_s in soonest.items())
