from __future__ import annotations

import struct
import sys
from itertools import pairwise
from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st

from hub.outbox import (
    HIGH_WATER_BYTES,
    MAX_FRAME_BYTES,
    MAX_WRITE_BYTES,
    MESSAGE_OVERHEAD_BYTES,
    Outbox,
    cost_of,
    flatten,
    frame_messages,
)
from tests.unit.hub.recording_transport import MARKED_LINES, RecordingTransport, unframe

Entries = list[bytes | list[bytes]]

MESSAGES = st.binary(min_size=1, max_size=20).map(lambda text: text.translate(None, b"\n\x00") + b".")
ENTRIES = st.lists(MESSAGES | st.lists(MESSAGES, min_size=1, max_size=4), max_size=6)


def outbox_of(transport: RecordingTransport, max_bytes: int = 100) -> Outbox:
    return Outbox(transport, max_bytes)


def total_bytes(messages: list[bytes]) -> int:
    return sum(len(message) for message in messages)


def total_cost(messages: list[bytes]) -> int:
    return sum(len(message) + MESSAGE_OVERHEAD_BYTES for message in messages)


def test_the_cost_of_a_message_covers_what_it_takes_in_memory() -> None:
    """As CPython counts the object, and its place in the queue."""
    for size in (0, 1, 100, 10_000):
        assert cost_of([b"x" * size]) >= sys.getsizeof(b"x" * size) + struct.calcsize("P")


@given(ENTRIES)
def test_flattening_keeps_the_order(entries: Entries) -> None:
    expected: list[bytes] = []
    for entry in entries:
        expected.extend(entry if isinstance(entry, list) else [entry])
    assert flatten(entries) == expected


@given(st.lists(ENTRIES, max_size=8), st.integers(0, 60), st.integers(0, 1_500))
def test_a_backlog_is_counted_and_bounded(flushes: list[Entries], buffered: int, max_bytes: int) -> None:
    """OUT-2 and OUT-3, against plain lists."""
    transport = RecordingTransport()
    transport.buffered = buffered
    outbox = outbox_of(transport, max_bytes)
    outbox.congest()
    held: list[bytes] = []
    for entries in flushes:
        is_full = total_cost(held) > max_bytes
        is_within = outbox.hold_back(entries)
        if not is_full:
            held += flatten(entries)
        assert list(outbox.backlog or ()) == held
        assert outbox.backlog_bytes == total_cost(held)
        assert is_within == (total_cost(held) + (0 if is_full else buffered) <= max_bytes)


def test_a_long_message_in_the_transport_leaves_room_for_what_follows_it() -> None:
    transport = RecordingTransport()
    transport.buffered = 100 * MAX_WRITE_BYTES
    outbox = outbox_of(transport, HIGH_WATER_BYTES + MAX_WRITE_BYTES + total_cost([b"a"]))
    outbox.congest()
    assert outbox.hold_back([b"a"])
    assert not outbox.hold_back([b"b"])


@given(st.lists(ENTRIES, max_size=5), st.integers(1, 30))
def test_a_backlog_leaves_in_the_order_it_was_accepted_a_part_at_a_time(flushes: list[Entries], most: int) -> None:
    """OUT-1 and OUT-2"""
    transport = RecordingTransport()
    outbox = outbox_of(transport, max_bytes=10_000)
    outbox.congest()
    for entries in flushes:
        outbox.hold_back(entries)
    with patch("hub.outbox.MAX_WRITE_BYTES", most):
        while outbox.backlog:
            outbox.write_backlog()
            assert outbox.backlog_bytes == total_cost(list(outbox.backlog))
    assert transport.messages == [message for entries in flushes for message in flatten(entries)]
    parts = [[message for frame in unframe(write) for message in frame] for write in transport.writes]
    assert all(len(part) == 1 or total_bytes(part) <= most for part in parts)
    for left, right in pairwise(parts):
        assert total_bytes([*left, right[0]]) > most, "the next message would have had room"
    assert outbox.backlog is not None, "it stays congested until its socket has taken that"


def test_an_empty_backlog_writes_nothing() -> None:
    transport = RecordingTransport()
    outbox = outbox_of(transport)
    outbox.write_backlog()
    outbox.congest()
    outbox.write_backlog()
    assert transport.writes == []


def test_congesting_what_is_congested_keeps_its_backlog() -> None:
    outbox = outbox_of(RecordingTransport())
    outbox.congest()
    outbox.hold_back([b"a"])
    outbox.stalled_since_s = 7
    outbox.congest()
    assert (list(outbox.backlog or ()), outbox.stalled_since_s) == ([b"a"], 7)


def test_a_closed_outbox_holds_nothing() -> None:
    outbox = outbox_of(RecordingTransport())
    outbox.pending.append(b"this tick")
    outbox.pending_bytes = 9
    outbox.congest()
    outbox.hold_back([b"earlier"])
    outbox.close()
    assert outbox.is_closed
    assert (outbox.pending, outbox.pending_bytes) == ([], 0)
    assert (outbox.backlog, outbox.backlog_bytes) == (None, 0)


SIZES = st.integers(1, 40) | st.integers(MAX_FRAME_BYTES // 2, MAX_FRAME_BYTES + 5)


@given(st.lists(SIZES, min_size=1, max_size=12))
@example([MAX_FRAME_BYTES])
@example([MAX_FRAME_BYTES - 10, 9])
@example([MAX_FRAME_BYTES - 10, 10])
@example([MAX_FRAME_BYTES + 1, MAX_FRAME_BYTES + 1])
@example([1] * 3 + [MAX_FRAME_BYTES] + [1] * 3)
def test_frames_carry_all_messages_in_order_and_as_much_as_a_client_takes(sizes: list[int]) -> None:
    messages = [b"%06d" % number + b"x" * (size - 6) for number, size in enumerate(sizes)]
    frames = unframe(frame_messages(MARKED_LINES, messages))
    assert [message for frame in frames for message in frame] == messages
    assert all(frames)
    for frame in frames:
        assert len(frame) == 1 or len(b"\n".join(frame)) <= MAX_FRAME_BYTES
    for left, right in pairwise(frames):
        assert len(b"\n".join([*left, right[0]])) >= MAX_FRAME_BYTES, "the next message would have had room"
