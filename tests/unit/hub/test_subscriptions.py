from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import ChannelOptions
from hub.fan_out import FanOut
from hub.outbox import Outbox
from hub.protocol.json_codec import JSON, JSONCodec
from hub.protocol.messages import Publication, StreamPosition
from hub.recovery import Gate
from hub.subscriptions import Continuity, LiveChannel, Phase, Subscription, SubscriptionIndex
from tests.unit.hub.recording_transport import RecordingTransport

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.protocol.codec import Codec

NEXT, SEEN, BROKEN = Continuity.NEXT, Continuity.SEEN, Continuity.BROKEN


class Peer:
    """As much of a connection as a channel looks at."""

    def __init__(self, codec: Codec = JSON) -> None:
        self.codec = codec
        self.transport = RecordingTransport()
        self.outbox = Outbox(self.transport, 1_000)


class Ticks:
    """A fan-out whose tick ends on demand."""

    def __init__(self) -> None:
        self.scheduled: list[Callable[[], None]] = []
        self.fan_out = FanOut(self.scheduled.append, lambda _: None)

    def end(self) -> None:
        while self.scheduled:
            self.scheduled.pop()()


@pytest.fixture
def ticks() -> Ticks:
    return Ticks()


@pytest.fixture
def channel() -> LiveChannel:
    return LiveChannel("news", ChannelOptions())


def reserved(channel: LiveChannel, peer: Peer | None = None) -> Subscription:
    subscription = Subscription(cast("Connection", peer or Peer()), channel, is_server_side=False)
    channel.reserve(subscription)
    return subscription


def messages_of(subscription: Subscription) -> list[bytes]:
    transport = subscription.connection.transport
    assert isinstance(transport, RecordingTransport)
    return transport.messages


# --- continuity -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("known", "position", "continuity"),
    [
        (None, (1, "a"), NEXT),
        (None, (7, "a"), NEXT),
        ((7, "a"), (8, "a"), NEXT),
        ((7, "a"), (7, "a"), SEEN),
        ((7, "a"), (1, "a"), SEEN),
        ((7, "a"), (9, "a"), BROKEN),
        ((7, "a"), (8, "b"), BROKEN),
        ((7, "a"), (1, "b"), BROKEN),
        ((0, "a"), (1, "a"), NEXT),
    ],
)
def test_how_a_publication_continues_the_channel(
    channel: LiveChannel, known: tuple[int, str] | None, position: tuple[int, str], continuity: Continuity
) -> None:
    channel.position = None if known is None else StreamPosition(*known)
    assert channel.track(StreamPosition(*position)) is continuity
    expected = known if continuity is SEEN else position
    assert channel.position == StreamPosition(*(expected or position))


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("ab")), max_size=30))
def test_what_is_passed_on_without_a_break_is_the_stream_without_gap_or_double(arrivals: list[tuple[int, str]]) -> None:
    """POS-1: between two breaks the offsets passed on rise by one, whatever arrives."""
    channel = LiveChannel("news", ChannelOptions())
    passed: list[tuple[int, str]] = []
    for offset, epoch in arrivals:
        continuity = channel.track(StreamPosition(offset, epoch))
        if continuity is SEEN:
            assert (offset, epoch) in passed or offset < passed[0][0]
            continue
        if continuity is BROKEN:
            assert (offset, epoch) != (passed[-1][0] + 1, passed[-1][1])
            passed = []
        assert not passed or (offset, epoch) == (passed[-1][0] + 1, passed[-1][1])
        passed.append((offset, epoch))


# --- coming and going -----------------------------------------------------------------------------------------------


def test_a_reserved_subscription_counts_and_gets_nothing(channel: LiveChannel, ticks: Ticks) -> None:
    subscription = reserved(channel)
    assert (channel.num_clients, subscription.phase) == (1, Phase.JOINING)
    assert list(channel.live_subscriptions()) == []
    assert channel.audiences == {}


def test_a_live_subscription_gets_what_is_published_between_its_entry_and_its_leave(
    channel: LiveChannel, ticks: Ticks
) -> None:
    """AUD-1"""
    early, late = reserved(channel), reserved(channel)
    channel.enter(early, ticks.fan_out)
    audience = channel.audiences[JSON]
    ticks.fan_out.publish(audience, b"a")
    channel.enter(late, ticks.fan_out)
    ticks.fan_out.publish(audience, b"b")
    channel.leave(early, ticks.fan_out)
    ticks.fan_out.publish(audience, b"c")
    ticks.end()
    assert messages_of(early) == [b"a", b"b"]
    assert messages_of(late) == [b"b", b"c"]
    assert (early.phase, late.phase, channel.num_clients) == (Phase.LEFT, Phase.LIVE, 1)


def test_subscribers_of_different_codecs_are_different_audiences(channel: LiveChannel, ticks: Ticks) -> None:
    other = JSONCodec()
    channel.enter(reserved(channel), ticks.fan_out)
    channel.enter(reserved(channel, Peer(other)), ticks.fan_out)
    assert set(channel.audiences) == {JSON, other}
    assert channel.num_clients == 2


def test_the_last_one_to_leave_takes_the_audience_along(channel: LiveChannel, ticks: Ticks) -> None:
    subscription = reserved(channel)
    channel.enter(subscription, ticks.fan_out)
    channel.leave(subscription, ticks.fan_out)
    assert (channel.audiences, channel.num_clients) == ({}, 0)
    channel.leave(subscription, ticks.fan_out)
    assert channel.num_clients == 0


def test_one_that_was_never_live_can_leave(channel: LiveChannel, ticks: Ticks) -> None:
    subscription = reserved(channel)
    channel.leave(subscription, ticks.fan_out)
    assert (channel.num_clients, subscription.phase) == (0, Phase.LEFT)


def test_leaving_a_channel_takes_nobody_else_along(channel: LiveChannel, ticks: Ticks) -> None:
    first, second = reserved(channel), reserved(channel)
    channel.enter(first, ticks.fan_out)
    channel.leave(second, ticks.fan_out)
    assert list(channel.live_subscriptions()) == [first]


def test_watchers_are_those_live_who_see_joins_and_leaves(channel: LiveChannel, ticks: Ticks) -> None:
    watcher, other = reserved(channel), reserved(channel)
    watcher.sees_join_leave = True
    assert watchers_of(channel) == []
    for subscription in (watcher, other):
        channel.enter(subscription, ticks.fan_out)
    assert watchers_of(channel) == [watcher]
    for subscription in (other, watcher):
        channel.leave(subscription, ticks.fan_out)
    assert watchers_of(channel) == []


def watchers_of(channel: LiveChannel) -> list[Subscription]:
    return list(channel.watchers or ())


def test_those_with_a_promise_of_continuity(channel: LiveChannel, ticks: Ticks) -> None:
    live, plain, catching_up, joining = (reserved(channel) for _ in range(4))
    for subscription in (live, catching_up, joining):
        subscription.is_positioned = True
    assert channel.has_positioned()
    for subscription in (live, plain):
        channel.enter(subscription, ticks.fan_out)
    catching_up.phase = Phase.CATCHING_UP
    assert channel.positioned() == [live, catching_up]
    for subscription in (live, catching_up, joining):
        channel.leave(subscription, ticks.fan_out)
    assert channel.positioned() == []
    assert not channel.has_positioned()


# --- joining while publications come --------------------------------------------------------------------------------


def publication(offset: int) -> tuple[Publication, StreamPosition]:
    return Publication(offset=offset), StreamPosition(offset, "a")


def test_a_gate_holds_back_what_comes_while_the_history_is_read(channel: LiveChannel, ticks: Ticks) -> None:
    subscription = reserved(channel)
    subscription.gate = Gate()
    channel.offer_to_joining(*publication(4), ticks.fan_out)
    channel.offer_to_joining(*publication(5), ticks.fan_out)
    assert [held.offset for held in subscription.gate.held] == [4, 5]
    assert subscription.phase is Phase.JOINING


def test_what_has_no_position_is_not_held_back(channel: LiveChannel, ticks: Ticks) -> None:
    """Nobody is promised it: it is no part of the stream."""
    subscription = reserved(channel)
    subscription.gate = Gate()
    channel.offer_to_joining(Publication(), None, ticks.fan_out)
    assert subscription.gate.held == []


def test_one_without_gate_waits_to_be_entered(channel: LiveChannel, ticks: Ticks) -> None:
    subscription = reserved(channel)
    channel.offer_to_joining(*publication(4), ticks.fan_out)
    assert subscription.phase is Phase.JOINING


def test_one_that_is_ahead_enters_when_the_node_has_caught_up(channel: LiveChannel, ticks: Ticks) -> None:
    subscription, other = reserved(channel), reserved(channel)
    channel.enter(other, ticks.fan_out)
    subscription.phase, subscription.served_offset = Phase.CATCHING_UP, 5
    for offset in (4, 5, 6):
        encoded = b"%d" % offset
        for audience in channel.audiences.values():
            ticks.fan_out.publish(audience, encoded)
        channel.offer_to_joining(*publication(offset), ticks.fan_out)
    ticks.end()
    assert messages_of(other) == [b"4", b"5", b"6"]
    assert messages_of(subscription) == [b"6"]


# --- the index ------------------------------------------------------------------------------------------------------


def test_a_channel_is_opened_once_and_dropped_when_nobody_is_left(ticks: Ticks) -> None:
    index = SubscriptionIndex()
    options = ChannelOptions()
    channel = index.open("news", options)
    assert index.open("news", options) is index.get("news") is channel
    assert channel.options is options
    subscription = reserved(channel)
    assert not index.drop_if_empty(channel)
    channel.leave(subscription, ticks.fan_out)
    assert index.drop_if_empty(channel)
    assert index.get("news") is None


def test_a_channel_that_is_being_attached_or_detached_is_not_dropped() -> None:
    index = SubscriptionIndex()
    channel = index.open("news", ChannelOptions())
    channel.num_changing = 1
    assert not index.drop_if_empty(channel)
    assert index.get("news") is channel


def test_a_channel_that_was_dropped_before_does_not_take_its_successor_along() -> None:
    index = SubscriptionIndex()
    old = index.open("news", ChannelOptions())
    index.drop_if_empty(old)
    new = index.open("news", ChannelOptions())
    assert index.drop_if_empty(old)
    assert index.get("news") is new
