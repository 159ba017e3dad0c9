"""WebSocket frames as the generator needs them: built before the measurement, walked over during it (RFC 6455, 5.2)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
_FIN, _MASKED = 0x80, 0x80
_MASK_KEY = b"\x37\xfa\x21\x3d"


class Frame(NamedTuple):
    opcode: int
    payload: bytes


class FragmentedMessage(Exception):
    """No measured server splits a message this small; counting one would need state the hot loop does not have."""


def client_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole message, masked. The key is constant: it costs the server the same work, and frames can be reused."""
    size = len(payload)
    if size < 126:
        header = bytes((_FIN | opcode, _MASKED | size))
    elif size < 1 << 16:
        header = bytes((_FIN | opcode, _MASKED | 126)) + size.to_bytes(2, "big")
    else:
        header = bytes((_FIN | opcode, _MASKED | 127)) + size.to_bytes(8, "big")
    return header + _MASK_KEY + masked(payload, _MASK_KEY)


def server_frame(payload: bytes, opcode: int = TEXT) -> bytes:
    """A whole message, as a server sends it: not masked."""
    size = len(payload)
    if size < 126:
        return bytes((_FIN | opcode, size)) + payload
    if size < 1 << 16:
        return bytes((_FIN | opcode, 126)) + size.to_bytes(2, "big") + payload
    return bytes((_FIN | opcode, 127)) + size.to_bytes(8, "big") + payload


def masked(payload: bytes, key: bytes) -> bytes:
    """XOR with the repeated key; applied twice it is the identity (RFC 6455, 5.3)."""
    repeated = (key * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


def is_one_frame(chunk: bytes) -> bool:
    """Whether the chunk is exactly one frame of 126 to 65,535 bytes, which in a fan-out nearly all are."""
    return len(chunk) > 4 and chunk[1] == 126 and len(chunk) == 4 + (chunk[2] << 8 | chunk[3])


def end_of_frames(buffer: bytes) -> int:
    """Where the last whole frame of the buffer ends; what follows is the beginning of another."""
    end = 0
    for _, _, stop in _spans(buffer):
        end = stop
    return end


def has_short_frame(buffer: bytes) -> bool:
    """Whether something other than a message is there: those have at least 126 bytes, pings and closes have fewer."""
    return any(stop - payload_start < 126 for _, payload_start, stop in _spans(buffer))


def frames_of(buffer: bytes) -> Iterator[Frame]:
    """Every whole frame in the buffer; unmasks what is masked.

    Raises:
        FragmentedMessage: a message in more than one frame.
    """
    for start, payload_start, stop in _spans(buffer):
        first = buffer[start]
        if not first & _FIN or not first & 0x0F:
            raise FragmentedMessage(f"frame {buffer[start : start + 2].hex()}")
        payload = buffer[payload_start:stop]
        if buffer[start + 1] & _MASKED:
            payload = masked(payload, buffer[payload_start - 4 : payload_start])
        yield Frame(first & 0x0F, payload)


def _spans(buffer: bytes) -> Iterator[tuple[int, int, int]]:
    """(start, start of payload, end) of each whole frame."""
    start, available = 0, len(buffer)
    while available - start >= 2:
        second = buffer[start + 1]
        size, header = second & 0x7F, 2
        if size >= 126:
            header = 4 if size == 126 else 10
            size = int.from_bytes(buffer[start + 2 : start + header], "big")
        payload_start = start + header + (4 if second & _MASKED else 0)
        stop = payload_start + size
        if available < payload_start or stop > available:
            return
        yield start, payload_start, stop
        start = stop
