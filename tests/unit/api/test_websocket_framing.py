"""Server frames, read by a WebSocket implementation that is not ours."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from websockets.frames import Close, Frame, Opcode
from websockets.protocol import Protocol, Side

from api.websocket_framing import TEXT_FRAMING, close_frame
from hub.protocol.codes import DISCONNECTS, MAX_CLOSE_REASON_BYTES, Disconnect

MESSAGES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1, max_size=40).map(
    str.encode
)


def read(data: bytes) -> list[Frame]:
    """The frames a client makes of these bytes."""
    client = Protocol(Side.CLIENT, max_size=None)
    client.receive_data(data)
    frames = [event for event in client.events_received() if isinstance(event, Frame)]
    assert client.parser_exc is None
    return frames


@given(st.lists(MESSAGES, min_size=1, max_size=8))
def test_messages_are_one_text_frame_joined_by_newlines(messages: list[bytes]) -> None:
    (frame,) = read(TEXT_FRAMING.frame(messages))
    assert (frame.opcode, frame.fin, bytes(frame.data)) == (Opcode.TEXT, True, b"\n".join(messages))


@given(st.integers(1, 300) | st.integers(65_000, 66_000))
@example(125)
@example(126)
@example(65_535)
@example(65_536)
@example(1 << 20)
def test_a_frame_of_any_length_is_understood(length: int) -> None:
    (frame,) = read(TEXT_FRAMING.frame([b"x" * length]))
    assert len(frame.data) == length


def test_frames_can_follow_each_other() -> None:
    first, second = read(TEXT_FRAMING.frame([b"a"]) + TEXT_FRAMING.frame([b"b", b"c"]))
    assert (bytes(first.data), bytes(second.data)) == (b"a", b"b\nc")


@pytest.mark.parametrize("disconnect", DISCONNECTS)
def test_trap_01_a_disconnect_travels_as_code_and_reason(disconnect: Disconnect) -> None:
    (frame,) = read(close_frame(disconnect))
    assert frame.opcode is Opcode.CLOSE
    close = Close.parse(frame.data)
    assert (close.code, close.reason) == disconnect


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=140), st.integers(3000, 4999))
@example("é" * 62, 3000)
@example("x" + "é" * 62, 3000)
def test_an_overlong_reason_is_cut_at_a_character(reason: str, code: int) -> None:
    (frame,) = read(close_frame(Disconnect(code, reason)))
    close = Close.parse(frame.data)
    assert close.code == code
    assert reason.startswith(close.reason)
    assert len(frame.data) <= 125
    assert len(close.reason.encode()) > MAX_CLOSE_REASON_BYTES - 4 or close.reason == reason
