"""Just enough HTTP/1.1 to know where a response ends and that it is the hoped-for one (RFC 9112, 6.3)."""

from __future__ import annotations

import re

from bench.load.dialects import Refused

_LENGTH = re.compile(rb"(?i)\r\ncontent-length: *(\d+)")


def response_end(buffer: bytes) -> int:
    """Where the first response in the buffer ends; 0 while it is not all there.

    Raises:
        Refused: not a 2xx, an API error in the body, or a body without a length.
    """
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return 0
    if not buffer.startswith(b"HTTP/1.1 2"):
        raise Refused(buffer[:300].decode(errors="replace"))
    length = _LENGTH.search(buffer, 0, head_end)
    if length is None:
        raise Refused(f"no Content-Length: {buffer[:head_end].decode(errors='replace')}")
    end = head_end + 4 + int(length[1])
    if end > len(buffer):
        return 0
    if buffer.find(b'"error"', head_end, end) >= 0:
        raise Refused(buffer[head_end + 4 : end][:300].decode(errors="replace"))
    return end
