from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.frames import (
    CLOSE,
    PING,
    TEXT,
    FragmentedMessage,
    client_frame,
    end_of_frames,
    frames_of,
    has_short_frame,
    is_one_frame,
    masked,
    server_frame,
)

PAYLOADS = st.binary(max_size=300) | st.integers(120, 70_000).map(bytes)


@given(PAYLOADS, st.binary(min_size=4, max_size=4))
def test_masking_twice_is_the_identity(payload: bytes, key: bytes) -> None:
    assert masked(masked(payload, key), key) == payload


def test_masking_is_that_of_the_rfc() -> None:
    """RFC 6455, section 5.7: a single-frame masked text message."""
    assert client_frame(b"Hello") == bytes.fromhex("818537fa213d7f9f4d5158")
    assert server_frame(b"Hello") == bytes.fromhex("810548656c6c6f")


@given(st.lists(PAYLOADS, max_size=4), st.sampled_from([client_frame, server_frame]))
def test_frames_come_back_as_they_were_built(payloads: list[bytes], build: Callable[[bytes], bytes]) -> None:
    buffer = b"".join(build(payload) for payload in payloads)
    assert [frame.payload for frame in frames_of(buffer)] == payloads
    assert end_of_frames(buffer) == len(buffer)


@given(st.lists(PAYLOADS, min_size=1, max_size=3), st.data())
def test_a_frame_that_is_not_all_there_is_left_for_later(payloads: list[bytes], data: st.DataObject) -> None:
    frames = [server_frame(payload) for payload in payloads]
    missing = data.draw(st.integers(1, len(frames[-1])))
    buffer = b"".join(frames)[:-missing]
    assert end_of_frames(buffer) == sum(map(len, frames[:-1]))
    assert [frame.payload for frame in frames_of(buffer)] == payloads[:-1]


def test_control_frames_keep_their_opcode() -> None:
    buffer = server_frame(b"", PING) + server_frame(b"\x03\xe8", CLOSE)
    assert [frame.opcode for frame in frames_of(buffer)] == [PING, CLOSE]


@pytest.mark.parametrize("first_byte", [0x01, 0x80])
def test_fragments_are_refused(first_byte: int) -> None:
    with pytest.raises(FragmentedMessage):
        list(frames_of(bytes((first_byte, 1)) + b"x"))


@pytest.mark.parametrize(
    ("chunk", "expected"),
    [
        (server_frame(bytes(126)), True),
        (server_frame(bytes(65_535)), True),
        (server_frame(bytes(125)), False),
        (server_frame(bytes(65_536)), False),
        (server_frame(bytes(200)) + server_frame(bytes(200)), False),
        (server_frame(bytes(200))[:-1], False),
        (b"", False),
    ],
)
def test_one_frame_is_told_from_everything_else(chunk: bytes, expected: bool) -> None:
    assert is_one_frame(chunk) is expected


def test_a_ping_among_messages_is_noticed() -> None:
    message = server_frame(bytes(128))
    assert not has_short_frame(message * 3)
    assert has_short_frame(message + server_frame(b"2", TEXT) + message)
