from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import settings

from hub.fan_out import WRITES_PER_SLICE, Audience, FanOut
from hub.outbox import HIGH_WATER_BYTES, MAX_WRITE_BYTES, Outbox, cost_of
from hub.protocol.json_codec import JSON
from tests.unit.hub.examples import examples
from tests.unit.hub.fan_out_machine import FanOutMachine
from tests.unit.hub.recording_transport import RecordingTransport, unframe

TestFanOutIsPlainLists = FanOutMachine.TestCase
TestFanOutIsPlainLists.settings = settings(max_examples=examples(400), stateful_step_count=60)


class Tick:
    """A fan-out whose ticks end when the test says so."""

    def __init__(self) -> None:
        self.scheduled: list[Callable[[], None]] = []
        self.overflowed: list[Outbox] = []
        self.num_congestions = 0
        self.fan_out = FanOut(self.scheduled.append, self.overflowed.append, self.on_congestion)

    def on_congestion(self) -> None:
        self.num_congestions += 1

    def end(self) -> None:
        """One callback of the loop, as scheduled."""
        self.scheduled.pop(0)()

    def audience_of(self, number: int, max_bytes: int = 1_000_000) -> tuple[Audience, list[RecordingTransport]]:
        audience = Audience(JSON)
        transports = [RecordingTransport() for _ in range(number)]
        for transport in transports:
            audience.members[Outbox(transport, max_bytes)] = transport
        return audience, transports


@pytest.fixture
def tick() -> Tick:
    return Tick()


def test_a_tick_is_one_frame_and_one_write_per_subscriber(tick: Tick) -> None:
    audience, transports = tick.audience_of(3)
    for message in (b"a", b"b", b"c"):
        tick.fan_out.publish(audience, message)
    assert all(transport.writes == [] for transport in transports)
    tick.end()
    assert all(transport.frames == [[b"a", b"b", b"c"]] for transport in transports)
    assert (tick.fan_out.deliveries, tick.fan_out.writes) == (9, 3)
    assert tick.scheduled == []


def test_subscribers_that_wait_for_the_same_share_one_frame(tick: Tick) -> None:
    audience, transports = tick.audience_of(2)
    tick.fan_out.publish(audience, b"a")
    tick.fan_out.publish(audience, b"b")
    tick.end()
    assert transports[0].writes[0] is transports[1].writes[0]


def test_what_one_subscriber_is_sent_alone_is_not_sent_to_its_neighbours(tick: Tick) -> None:
    audience, transports = tick.audience_of(3)
    outboxes = list(audience.members)
    tick.fan_out.publish(audience, b"all")
    tick.fan_out.release(audience)
    tick.fan_out.send(outboxes[1], b"own")
    tick.end()
    assert [transport.messages for transport in transports] == [[b"all"], [b"all", b"own"], [b"all"]]


def test_a_large_fan_out_lets_other_work_run(tick: Tick) -> None:
    audience, transports = tick.audience_of(2 * WRITES_PER_SLICE + 1)
    tick.fan_out.publish(audience, b"a")
    written = []
    while tick.scheduled:
        tick.end()
        written.append(sum(len(transport.writes) for transport in transports))
    assert written == [WRITES_PER_SLICE, 2 * WRITES_PER_SLICE, 2 * WRITES_PER_SLICE + 1]


def test_what_is_published_between_two_slices_comes_after_what_was_before(tick: Tick) -> None:
    audience, transports = tick.audience_of(WRITES_PER_SLICE + 1)
    tick.fan_out.publish(audience, b"a")
    tick.end()
    tick.fan_out.publish(audience, b"b")
    while tick.scheduled:
        tick.end()
    assert all(transport.messages == [b"a", b"b"] for transport in transports)


def test_a_congested_socket_gets_nothing_until_it_has_drained(tick: Tick) -> None:
    audience, (transport,) = tick.audience_of(1)
    transport.buffered = HIGH_WATER_BYTES + 1  # once "a" is in it
    tick.fan_out.publish(audience, b"a")
    tick.end()
    assert tick.num_congestions == 1
    for message in (b"b", b"c"):
        tick.fan_out.publish(audience, message)
        tick.end()
        assert tick.fan_out.drain_congested(1, 3) == []
    assert transport.frames == [[b"a"]]
    transport.buffered = HIGH_WATER_BYTES
    assert tick.fan_out.drain_congested(1, 3) == []
    assert transport.frames == [[b"a"], [b"b", b"c"]]
    assert tick.fan_out.drain_congested(1, 3) == []
    assert tick.fan_out.congested == {}


def test_a_full_buffer_is_not_congested_before_it_is_over_the_mark(tick: Tick) -> None:
    audience, (transport,) = tick.audience_of(1)
    transport.buffered = HIGH_WATER_BYTES
    for message in (b"a", b"b"):
        tick.fan_out.publish(audience, message)
        tick.end()
    assert transport.messages == [b"a", b"b"]
    assert (tick.fan_out.congested, tick.num_congestions) == ({}, 0)


def test_an_overflow_is_reported_after_everybody_was_served(tick: Tick) -> None:
    audience, transports = tick.audience_of(3, max_bytes=HIGH_WATER_BYTES + 1 + cost_of([b"b"]))
    transports[0].buffered = HIGH_WATER_BYTES + 1
    for message in (b"a", b"b"):
        tick.fan_out.publish(audience, message)
        tick.end()
    assert tick.overflowed == []
    tick.fan_out.publish(audience, b"c")
    tick.end()
    assert tick.overflowed == [next(iter(audience.members))]
    assert [transport.messages for transport in transports[1:]] == [[b"a", b"b", b"c"]] * 2


def test_more_than_one_write_may_carry_goes_out_in_parts(tick: Tick) -> None:
    audience, (transport,) = tick.audience_of(1, max_bytes=4 * MAX_WRITE_BYTES)
    messages = [bytes([letter]) * (MAX_WRITE_BYTES // 2) for letter in b"abcd"]
    for message in messages:
        tick.fan_out.publish(audience, message)
    tick.end()
    num_looks = 0
    while tick.fan_out.congested:
        assert len(b"".join(unframe(transport.writes[-1])[0])) <= MAX_WRITE_BYTES
        assert tick.fan_out.drain_congested(1, 3) == []
        num_looks += 1
    assert transport.messages == messages
    assert num_looks >= len(messages) // 2


def test_a_message_longer_than_a_write_still_goes_out(tick: Tick) -> None:
    audience, (transport,) = tick.audience_of(1)
    tick.fan_out.publish(audience, b"x" * (4 * MAX_WRITE_BYTES))
    tick.end()
    assert [len(message) for message in transport.messages] == [4 * MAX_WRITE_BYTES]
    assert tick.overflowed == []


def test_a_socket_that_stands_still_is_told_without_any_further_message(tick: Tick) -> None:
    audience, (transport,) = tick.audience_of(1)
    (outbox,) = audience.members
    transport.buffered = 100_000
    tick.fan_out.publish(audience, b"a")
    tick.end()
    looks = [(10, 100_000), (12.9, 100_000), (12.95, 99_999), (15.9, 99_999), (15.95, 99_999)]
    stalled = []
    for now_s, transport.buffered in looks:
        stalled.append(tick.fan_out.drain_congested(now_s, 3))
    assert stalled == [[], [], [], [], [outbox]]


def test_a_socket_that_drained_and_filled_again_has_its_whole_time_again(tick: Tick) -> None:
    audience, (transport,) = tick.audience_of(1)
    (outbox,) = audience.members
    transport.buffered = 100_000
    for message in (b"a", b"b"):
        tick.fan_out.publish(audience, message)
        tick.end()
    looks = [(10, 100_000), (12.9, 0), (12.95, 100_000), (15.9, 100_000), (15.95, 100_000)]
    stalled = []
    for now_s, transport.buffered in looks:
        stalled.append(tick.fan_out.drain_congested(now_s, 3))
    assert stalled == [[], [], [], [], [outbox]]


def test_a_closed_outbox_is_not_looked_after_any_more(tick: Tick) -> None:
    audience, (transport,) = tick.audience_of(1)
    (outbox,) = audience.members
    transport.buffered = 100_000
    tick.fan_out.publish(audience, b"a")
    tick.end()
    outbox.close()
    assert tick.fan_out.drain_congested(10, 3) == []
    assert tick.fan_out.congested == {}
    tick.fan_out.send(outbox, b"late")
    assert tick.scheduled == []


def test_before_a_close_everything_pending_is_written(tick: Tick) -> None:
    transport = RecordingTransport()
    outbox = Outbox(transport, 100)
    tick.fan_out.send(outbox, b"last")
    tick.fan_out.flush_all(outbox)
    assert transport.messages == [b"last"]
    tick.end()
    assert transport.messages == [b"last"]


def test_before_a_close_a_congested_socket_is_not_written_to(tick: Tick) -> None:
    transport = RecordingTransport()
    transport.buffered = HIGH_WATER_BYTES + 1
    outbox = Outbox(transport, 100)
    tick.fan_out.send(outbox, b"first")
    tick.end()
    tick.fan_out.send(outbox, b"last")
    tick.fan_out.flush_all(outbox)
    assert transport.messages == [b"first"]


def test_an_audience_without_members_takes_publications_and_drops_them(tick: Tick) -> None:
    audience, _ = tick.audience_of(0)
    tick.fan_out.publish(audience, b"a")
    tick.end()
    assert (audience.batch, tick.fan_out.deliveries) == ([], 0)
