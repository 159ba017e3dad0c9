"""RFC 6455 server frames for messages that are already encoded."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from hub.protocol.codes import MAX_CLOSE_REASON_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.protocol.codes import Disconnect

_FIN_TEXT = 0x81
_FIN_CLOSE = 0x88
_LENGTH_IN_2_BYTES = 126
_LENGTH_IN_8_BYTES = 127


class TextFraming:
    """JSON messages, joined by newlines into one unmasked text frame."""

    def frame(self, messages: Sequence[bytes]) -> bytes:
        payload = messages[0] if len(messages) == 1 else b"\n".join(messages)
        return _header(_FIN_TEXT, len(payload)) + payload


def close_frame(disconnect: Disconnect) -> bytes:
    """The Close frame that carries a disconnect; an overlong reason is cut at a character."""
    reason = disconnect.reason.encode()[:MAX_CLOSE_REASON_BYTES].decode(errors="ignore").encode()
    payload = struct.pack("!H", disconnect.code) + reason
    return _header(_FIN_CLOSE, len(payload)) + payload


def _header(first: int, length: int) -> bytes:
    if length < _LENGTH_IN_2_BYTES:
        return bytes((first, length))
    if length < 1 << 16:
        return struct.pack("!BBH", first, _LENGTH_IN_2_BYTES, length)
    return struct.pack("!BBQ", first, _LENGTH_IN_8_BYTES, length)


TEXT_FRAMING = TextFraming()
