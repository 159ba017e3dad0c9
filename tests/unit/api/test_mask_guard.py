from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from api.mask_guard import MaskGuard

KEY = b"\x01\x02\x03\x04"


class Recorder:
    """The parser behind the guard."""

    def __init__(self) -> None:
        self.chunks: list[bytes] = []
        self.num_ends = 0
        self.num_refusals = 0

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        self.chunks.append(data)
        return False, b"rest"

    def feed_eof(self) -> None:
        self.num_ends += 1

    def refuse(self) -> None:
        self.num_refusals += 1


def guarded() -> tuple[MaskGuard, Recorder]:
    recorder = Recorder()
    return MaskGuard(recorder, recorder.refuse), recorder


def frame(length: int, *, is_masked: bool, first: int = 0x81, size: int = 0) -> bytes:
    """A frame, with its length in an extended field of so many bytes. Its payload looks like frame headers."""
    bit = 0x80 if is_masked else 0
    short = {0: length, 2: 126, 8: 127}[size]
    extended = length.to_bytes(size, "big") if size else b""
    payload = (b"\x81\x05" * (length // 2 + 1))[:length]
    return bytes([first, bit | short]) + extended + (KEY if is_masked else b"") + payload


FRAMES = st.builds(
    frame,
    st.integers(0, 125) | st.sampled_from([0, 1, 125]),
    is_masked=st.sampled_from([True] * 6 + [False]),
    first=st.sampled_from([0x81, 0x82, 0x01, 0x80, 0x88, 0x89, 0x8A]),
    size=st.just(0),
) | st.builds(
    frame,
    st.sampled_from([0, 1, 126, 127, 300, 65_535]),
    is_masked=st.sampled_from([True] * 6 + [False]),
    first=st.sampled_from([0x81, 0x82]),
    size=st.sampled_from([2, 8]),
)


def end_of_first_unmasked(stream: bytes) -> int | None:
    """How many bytes it takes to know that a frame is not masked, reading the stream from its beginning to its end."""
    at = 0
    while at + 2 <= len(stream):
        if not stream[at + 1] & 0x80:
            return at + 2
        length = stream[at + 1] & 0x7F
        size = {126: 2, 127: 8}.get(length, 0)
        if size:
            if at + 2 + size > len(stream):
                return None
            length = int.from_bytes(stream[at + 2 : at + 2 + size], "big")
        at += 2 + size + 4 + length
    return None


@st.composite
def split_streams(draw: st.DrawFn) -> list[bytes]:
    stream = b"".join(draw(st.lists(FRAMES, min_size=1, max_size=6)))
    cuts = sorted(draw(st.lists(st.integers(0, min(len(stream), 400)) | st.integers(0, len(stream)), max_size=12)))
    return [stream[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]


@given(split_streams())
@example([b"\x81", b"\x05hello"])
@example([b"\x81\x80", KEY, b"\x81\x00"])
@example([b"\x81\xfe", b"\x00", b"\x03", KEY + b"abc\x81", b"\x80" + KEY])
def test_whatever_the_chunks_an_unmasked_frame_is_refused_and_nothing_else_is(chunks: list[bytes]) -> None:
    guard, recorder = guarded()
    known_at = end_of_first_unmasked(b"".join(chunks))
    fed = 0
    for number, chunk in enumerate(chunks):
        fed += len(chunk)
        is_refused = known_at is not None and fed >= known_at
        assert guard.feed_data(chunk) == ((True, b"") if is_refused else (False, b"rest"))
        assert recorder.num_refusals == is_refused
        if is_refused:
            assert recorder.chunks == chunks[:number], "nothing of the chunk reaches the parser"
            return
    assert recorder.chunks == chunks


@pytest.mark.parametrize("length", [0, 1, 60, 125])
def test_a_frame_on_its_own_is_let_through_as_it_came(length: int) -> None:
    guard, recorder = guarded()
    data = frame(length, is_masked=True, first=0x81, size=0)
    assert guard.feed_data(data) == (False, b"rest")
    assert recorder.chunks == [data]


@pytest.mark.parametrize("length", [0, 5, 126, 65_536])
def test_an_unmasked_frame_on_its_own_is_refused(length: int) -> None:
    guard, recorder = guarded()
    size = 0 if length < 126 else 2 if length < 65_536 else 8
    assert guard.feed_data(frame(length, is_masked=False, first=0x81, size=size)) == (True, b"")
    assert (recorder.chunks, recorder.num_refusals) == ([], 1)


def test_a_payload_that_looks_like_frames_is_not_looked_at() -> None:
    guard, recorder = guarded()
    payload = frame(50, is_masked=False, first=0x81, size=0)
    for chunk in (b"\x81\xfe" + len(payload).to_bytes(2, "big") + KEY, payload[:7], payload[7:]):
        guard.feed_data(chunk)
    assert recorder.num_refusals == 0


def test_the_end_is_passed_on() -> None:
    guard, recorder = guarded()
    guard.feed_eof()
    assert recorder.num_ends == 1
