"""A transport that keeps what is written to it, and whose buffer is as full as the test says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.protocol.codes import Disconnect

_END = b"\x00"
"""Behind each transport message; no JSON text contains it."""


class MarkedLines:
    """A framing whose boundaries can be told afterwards."""

    def frame(self, messages: Sequence[bytes]) -> bytes:
        return b"\n".join(messages) + _END


MARKED_LINES = MarkedLines()


def unframe(data: bytes) -> list[list[bytes]]:
    """The messages of each transport message in `data`."""
    *frames, rest = data.split(_END)
    assert not rest, "bytes outside a transport message"
    return [frame.split(b"\n") for frame in frames]


class RecordingTransport:
    """Implements `hub.connection.Transport`.

    Attributes:
        writes: the argument of each call of `write`, until the transport is dead.
        buffered: what `buffered_bytes` answers.
        goodbyes: the disconnects it was closed with.
    """

    name = "recording"
    framing = MARKED_LINES

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.buffered = 0
        self.goodbyes: list[Disconnect] = []
        self.is_aborted = False
        self.is_dead = False

    def write(self, frame: bytes) -> None:
        assert not self.goodbyes, "written after the goodbye"
        if not self.is_dead:
            self.writes.append(frame)

    def buffered_bytes(self) -> int:
        return self.buffered

    def close(self, disconnect: Disconnect) -> None:
        self.goodbyes.append(disconnect)

    def abort(self) -> None:
        self.is_aborted = True
        self.is_dead = True

    @property
    def frames(self) -> list[list[bytes]]:
        """The encoded messages, one list per transport message."""
        return [frame for write in self.writes for frame in unframe(write)]

    @property
    def messages(self) -> list[bytes]:
        return [message for frame in self.frames for message in frame]

    @property
    def replies(self) -> list[dict[str, Any]]:
        """Everything that was said to the client, decoded, in order."""
        return [msgspec.json.decode(message) for message in self.messages]
