"""Drives a FanOut and a model of it: one plain list per subscriber, no batches, no frames, no slices."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple
from unittest.mock import patch

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hub.fan_out import Audience, FanOut
from hub.outbox import Outbox, flatten
from hub.protocol.json_codec import JSON
from tests.unit.hub.recording_transport import MarkedLines, RecordingTransport, unframe

HIGH_WATER = 100
MAX_WRITE = 120
MAX_BYTES = 250
OVERHEAD = 5
WRITE_TIMEOUT_S = 3

SMALL = (
    patch("hub.fan_out.HIGH_WATER_BYTES", HIGH_WATER),
    patch("hub.outbox.HIGH_WATER_BYTES", HIGH_WATER),
    patch("hub.fan_out.MAX_WRITE_BYTES", MAX_WRITE),
    patch("hub.outbox.MAX_WRITE_BYTES", MAX_WRITE),
    patch("hub.fan_out.WRITES_PER_SLICE", 2),
    patch("hub.outbox.MESSAGE_OVERHEAD_BYTES", OVERHEAD),
    patch("hub.outbox.MAX_FRAME_BYTES", 60),
)
"""Limits that a few messages reach."""


NUM_SUBSCRIBERS = 4
NUM_CHANNELS = 3
SLOTS = st.integers(0, NUM_SUBSCRIBERS - 1)
CHANNELS = st.integers(0, NUM_CHANNELS - 1)
SIZES = st.integers(0, 80) | st.sampled_from([MAX_WRITE - 2, MAX_WRITE, MAX_WRITE + 1, 2 * MAX_BYTES])
FILLINGS = st.sampled_from([0, HIGH_WATER - 1, HIGH_WATER, HIGH_WATER + 1, 240])


def total_bytes(messages: Iterable[bytes]) -> int:
    return sum(map(len, messages))


def total_cost(messages: Collection[bytes]) -> int:
    return total_bytes(messages) + OVERHEAD * len(messages)


class Socket(RecordingTransport):
    """What it is given stays in its buffer while `is_stalled`; what a boundary takes does not count.

    Attributes:
        is_closing: the last write before the end, which may be of any size.
    """

    def __init__(self, framing: MarkedLines) -> None:
        super().__init__()
        self.framing = framing
        self.is_stalled = False
        self.is_closing = False

    def write(self, frame: bytes) -> None:
        messages = [message for group in unframe(frame) for message in group]
        assert self.is_closing or len(messages) == 1 or total_bytes(messages) <= MAX_WRITE, "more than one write may"
        assert self.buffered <= HIGH_WATER, "written to a full socket"
        super().write(frame)
        if self.is_stalled:
            self.buffered += total_bytes(messages)


class Look(NamedTuple):
    """What a drain saw of a congested socket."""

    at_s: int
    buffered: int


@dataclass(eq=False)
class Subscriber:
    """One outbox, and what must come out of it.

    Attributes:
        looks: at its full buffer, since that was full without a break.
    """

    outbox: Outbox
    transport: Socket
    expected: list[bytes] = field(default_factory=list)
    looks: list[Look] = field(default_factory=list)
    is_overflow_reported: bool = False

    @property
    def is_open(self) -> bool:
        return not self.outbox.is_closed

    @property
    def is_congested(self) -> bool:
        return self.outbox.backlog is not None

    @property
    def held_bytes(self) -> int:
        """What the node holds for it. Of one long message in the transport no more counts than of short ones."""
        return total_cost(self.outbox.backlog or ()) + min(self.transport.buffered, HIGH_WATER + MAX_WRITE)

    @property
    def next_part(self) -> list[bytes]:
        """What one write may carry of its backlog."""
        backlog = list(self.outbox.backlog or ())
        count = next(n for n in range(len(backlog), -1, -1) if n <= 1 or total_bytes(backlog[:n]) <= MAX_WRITE)
        return backlog[:count]

    def is_stalled(self, now_s: int) -> bool:
        """Whether its buffer has been the same for WRITE_TIMEOUT_S, as far as was looked."""
        same = [look for look in self.looks if look.buffered == self.transport.buffered]
        return bool(same) and now_s - same[0].at_s >= WRITE_TIMEOUT_S


@dataclass(eq=False)
class Channel:
    """An audience, and the same as a plain list of subscribers and of what they have not been handed yet."""

    audience: Audience
    members: list[Subscriber] = field(default_factory=list)
    unreleased: list[bytes] = field(default_factory=list)

    def release(self) -> None:
        for subscriber in self.members:
            subscriber.expected += self.unreleased
        self.unreleased = []


@dataclass(eq=False)
class Mark:
    """What waited when it was set, by outbox, and how often it has been reached."""

    waited: dict[Outbox, list[bytes]]
    num_reached: int = 0


class FanOutMachine(RuleBasedStateMachine):
    """Whoever is closed makes room for somebody new."""

    def __init__(self) -> None:
        super().__init__()
        for limit in SMALL:
            limit.start()
        self.scheduled: list[Callable[[], None]] = []
        self.fan_out = FanOut(self.scheduled.append, self.on_overflow, self.on_congestion)
        self.is_drain_wanted = False
        self.framings = [MarkedLines(), MarkedLines()]
        self.channels = [Channel(Audience(JSON)) for _ in range(NUM_CHANNELS)]
        self.by_outbox: dict[Outbox, Subscriber] = {}
        self.slots = [self.newcomer(slot) for slot in range(NUM_SUBSCRIBERS)]
        self.dirty_channels: list[Channel] = []
        self.now_s = 1
        self.num_messages = 0
        self.marks: list[Mark] = []

    def teardown(self) -> None:
        try:
            self.quiesce()
        finally:
            for limit in SMALL:
                limit.stop()

    def message(self, size: int) -> bytes:
        self.num_messages += 1
        return b"%d" % self.num_messages + b"." * size

    def on_overflow(self, outbox: Outbox) -> None:
        """As the hub does: the connection is closed, and what waits for it is dropped."""
        subscriber = self.by_outbox[outbox]
        assert subscriber.held_bytes > MAX_BYTES, "reported below the bound"
        assert not subscriber.is_overflow_reported, "reported twice"
        subscriber.is_overflow_reported = True
        self.leave_all(subscriber)
        outbox.close()
        slot = self.slots.index(subscriber)
        self.slots[slot] = self.newcomer(slot)

    def on_congestion(self) -> None:
        self.is_drain_wanted = True

    def leave_all(self, subscriber: Subscriber) -> None:
        for channel in self.channels:
            if subscriber in channel.members:
                self.change(channel)
                channel.members.remove(subscriber)
                del channel.audience.members[subscriber.outbox]

    def change(self, channel: Channel) -> None:
        """Before the membership of a channel changes."""
        self.fan_out.release(channel.audience)
        channel.release()

    def newcomer(self, slot: int) -> Subscriber:
        transport = Socket(self.framings[slot % 2])
        outbox = Outbox(transport, MAX_BYTES)
        self.by_outbox[outbox] = subscriber = Subscriber(outbox, transport)
        return subscriber

    @initialize(joins=st.lists(st.tuples(SLOTS, CHANNELS), max_size=NUM_SUBSCRIBERS * NUM_CHANNELS))
    def begin(self, joins: list[tuple[int, int]]) -> None:
        for slot, number in joins:
            self.join(slot, number)

    @rule(slot=SLOTS, number=CHANNELS)
    def join(self, slot: int, number: int) -> None:
        subscriber, channel = self.slots[slot], self.channels[number]
        if subscriber not in channel.members:
            self.change(channel)
            channel.members.append(subscriber)
            channel.audience.members[subscriber.outbox] = subscriber

    @rule(slot=SLOTS, number=CHANNELS)
    def leave(self, slot: int, number: int) -> None:
        subscriber, channel = self.slots[slot], self.channels[number]
        if subscriber in channel.members:
            self.change(channel)
            channel.members.remove(subscriber)
            del channel.audience.members[subscriber.outbox]

    @rule(number=CHANNELS, sizes=st.lists(SIZES, min_size=1, max_size=5))
    def publish(self, number: int, sizes: list[int]) -> None:
        channel = self.channels[number]
        for size in sizes:
            message = self.message(size)
            self.fan_out.publish(channel.audience, message)
            if channel not in self.dirty_channels:
                self.dirty_channels.append(channel)
            channel.unreleased.append(message)

    @rule(slot=SLOTS, size=SIZES)
    def send(self, slot: int, size: int) -> None:
        message = self.message(size)
        self.fan_out.send(self.slots[slot].outbox, message)
        self.slots[slot].expected.append(message)

    @rule(size=SIZES)
    def send_to_somebody_gone(self, size: int) -> None:
        for outbox in self.by_outbox:
            if outbox.is_closed:
                self.fan_out.send(outbox, self.message(size))

    @precondition(lambda self: self.scheduled)
    @rule()
    def flush_a_slice(self) -> None:
        for channel in self.dirty_channels:
            channel.release()
        self.dirty_channels = []
        self.scheduled.pop()()

    @rule()
    def mark(self) -> None:
        mark = Mark({outbox: self.waiting(subscriber) for outbox, subscriber in self.by_outbox.items()})
        self.marks.append(mark)
        self.fan_out.mark(lambda: self.reach(mark))

    def reach(self, mark: Mark) -> None:
        assert mark is next(each for each in self.marks if not each.num_reached), "in the order in which they were set"
        mark.num_reached += 1
        for outbox, waited in mark.waited.items():
            assert not set(waited) & set(self.waiting(self.by_outbox[outbox])), "reached too early"

    def waiting(self, subscriber: Subscriber) -> list[bytes]:
        """What has been neither written nor held back."""
        unreleased = [
            message for channel in self.channels if subscriber in channel.members for message in channel.unreleased
        ]
        return flatten(subscriber.outbox.pending) + unreleased

    @rule(slot=SLOTS)
    def stall(self, slot: int) -> None:
        """Its peer stops reading."""
        self.slots[slot].transport.is_stalled = True

    @rule(slot=SLOTS, left=FILLINGS, is_stalled=st.booleans())
    def drain(self, slot: int, left: int, is_stalled: bool) -> None:
        """Its peer reads on, for good or for a moment."""
        transport = self.slots[slot].transport
        transport.buffered = min(transport.buffered, left)
        transport.is_stalled = is_stalled

    @rule(seconds=st.integers(0, 4))
    def look_after_congested_sockets(self, seconds: int) -> None:
        self.now_s += seconds
        congested = [subscriber for subscriber in self.by_outbox.values() if subscriber.is_congested]
        full = [subscriber for subscriber in congested if subscriber.transport.buffered > HIGH_WATER]
        stood_still = {subscriber.outbox for subscriber in full if subscriber.is_stalled(self.now_s)}
        parts = [subscriber.next_part for subscriber in congested]
        before = [len(subscriber.transport.writes) for subscriber in congested]
        assert set(self.fan_out.drain_congested(self.now_s, WRITE_TIMEOUT_S)) == stood_still
        for subscriber, part, num_writes in zip(congested, parts, before, strict=True):
            self.check_look(subscriber, [] if subscriber in full else part, num_writes)
            if subscriber in full:
                subscriber.looks.append(Look(self.now_s, subscriber.transport.buffered))
            else:
                subscriber.looks.clear()
                assert subscriber.is_congested == bool(part), "uncongested exactly when nothing is left to write"
        self.is_drain_wanted = self.is_drain_wanted and bool(self.fan_out.congested)

    def check_look(self, subscriber: Subscriber, part: list[bytes], num_writes: int) -> None:
        """One look is at most one write, of as much as one may carry."""
        written = subscriber.transport.writes[num_writes:]
        assert len(written) == bool(part)
        assert [message for write in written for group in unframe(write) for message in group] == part

    @rule(slot=SLOTS)
    def close(self, slot: int) -> None:
        """Whatever its socket could take is written before the end."""
        subscriber = self.slots[slot]
        could_take = not subscriber.is_congested
        self.leave_all(subscriber)
        subscriber.transport.is_closing = True
        self.fan_out.flush_all(subscriber.outbox)
        subscriber.outbox.close()
        assert not could_take or subscriber.transport.messages == subscriber.expected
        self.slots[slot] = self.newcomer(slot)

    @rule()
    def quiesce(self) -> None:
        """When everything is flushed and every socket drains, everybody gets everything, and nobody stays congested."""
        while self.scheduled:
            self.flush_a_slice()
        for subscriber in self.slots:
            subscriber.transport.buffered, subscriber.transport.is_stalled = 0, False
        for _ in range(1 + max(len(subscriber.outbox.backlog or ()) for subscriber in self.slots)):
            self.look_after_congested_sockets(0)
        assert not self.fan_out.congested
        for subscriber in self.slots:
            assert subscriber.transport.messages == subscriber.expected

    @invariant()
    def nothing_is_lost_doubled_or_out_of_order(self) -> None:
        """OUT-1, AUD-1"""
        for subscriber in self.by_outbox.values():
            received = subscriber.transport.messages
            assert received == subscriber.expected[: len(received)]

    @invariant()
    def backlogs_are_counted(self) -> None:
        """OUT-2"""
        for outbox in self.by_outbox:
            assert outbox.backlog_bytes == total_cost(outbox.backlog or ())

    @invariant()
    def waiting_replies_are_counted(self) -> None:
        for outbox in self.by_outbox:
            assert outbox.pending_bytes == total_bytes(entry for entry in outbox.pending if isinstance(entry, bytes))

    @invariant()
    def an_overflow_is_reported_at_once(self) -> None:
        """OUT-3"""
        for subscriber in self.by_outbox.values():
            assert not subscriber.is_congested or subscriber.held_bytes <= MAX_BYTES

    @invariant()
    def a_flush_is_due_exactly_when_something_waits(self) -> None:
        waits = any(channel.unreleased for channel in self.channels) or any(outbox.pending for outbox in self.by_outbox)
        assert len(self.scheduled) <= 1
        assert not waits or self.scheduled

    @invariant()
    def every_mark_is_reached_once(self) -> None:
        assert self.scheduled or all(mark.num_reached == 1 for mark in self.marks)

    @invariant()
    def a_full_socket_is_noticed_at_once(self) -> None:
        """By the write that filled it, not by the message after."""
        for subscriber in self.slots:
            assert subscriber.is_congested or subscriber.transport.buffered <= HIGH_WATER

    @invariant()
    def a_congested_outbox_is_looked_after(self) -> None:
        for outbox, subscriber in self.by_outbox.items():
            assert not subscriber.is_congested or outbox in self.fan_out.congested
        assert self.is_drain_wanted or not self.fan_out.congested
