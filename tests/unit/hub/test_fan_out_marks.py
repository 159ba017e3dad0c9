"""Marks: called once, when everything that was queued before them has been written."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from hub.fan_out import WRITES_PER_SLICE, Audience, FanOut
from hub.outbox import HIGH_WATER_BYTES, Outbox
from hub.protocol.json_codec import JSON
from tests.unit.hub.recording_transport import RecordingTransport


class Node:
    def __init__(self) -> None:
        self.scheduled: list[Callable[[], None]] = []
        self.fan_out = FanOut(self.scheduled.append, lambda _: None)

    def audience(self, number: int) -> tuple[Audience, list[RecordingTransport]]:
        audience = Audience(JSON)
        transports = [RecordingTransport() for _ in range(number)]
        for transport in transports:
            audience.members[Outbox(transport, 1_000_000)] = transport
        return audience, transports

    def end_ticks(self) -> None:
        while self.scheduled:
            self.scheduled.pop(0)()


def num_written(transports: list[RecordingTransport]) -> int:
    return sum(bool(transport.writes) for transport in transports)


@given(st.integers(0, 3 * WRITES_PER_SLICE), st.integers(0, 3 * WRITES_PER_SLICE))
def test_a_mark_is_reached_with_the_last_write_before_it(before: int, after: int) -> None:
    node = Node()
    first, first_transports = node.audience(before)
    second, _ = node.audience(after)
    seen: list[int] = []
    node.fan_out.publish(first, b"1")
    node.fan_out.mark(lambda: seen.append(num_written(first_transports)))
    node.scheduled.pop(0)()  # a slice; what is published now stands behind it
    node.fan_out.publish(second, b"2")
    node.end_ticks()
    assert seen == [before]


def test_a_mark_without_anything_to_write_is_reached_at_the_end_of_the_tick() -> None:
    node = Node()
    seen: list[str] = []
    node.fan_out.mark(lambda: seen.append("reached"))
    assert not seen
    node.end_ticks()
    assert seen == ["reached"]


def test_a_mark_does_not_wait_for_what_comes_after_it() -> None:
    node = Node()
    small, transports = node.audience(1)
    large, others = node.audience(2 * WRITES_PER_SLICE)
    seen: list[tuple[int, int]] = []
    node.fan_out.publish(small, b"1")
    node.fan_out.release(small)
    node.fan_out.mark(lambda: seen.append((num_written(transports), num_written(others))))
    node.scheduled.pop(0)()
    node.fan_out.publish(large, b"2")
    node.end_ticks()
    assert seen == [(1, 0)]


def test_a_congested_socket_and_a_closed_one_hold_no_mark_up() -> None:
    node = Node()
    audience, transports = node.audience(2)
    congested, closed = audience.members
    transports[0].buffered = HIGH_WATER_BYTES + 1
    node.fan_out.publish(audience, b"1")
    node.end_ticks()
    node.fan_out.publish(audience, b"2")
    seen: list[str] = []
    node.fan_out.mark(lambda: seen.append("reached"))
    closed.close()
    node.end_ticks()
    assert seen == ["reached"]
    assert congested.backlog
