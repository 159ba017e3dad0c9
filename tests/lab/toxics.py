"""What a fault proxy does to the bytes of one direction, as toxiproxy's toxics do. All of it is seeded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator


class Piece(NamedTuple):
    """Bytes, and when they may go on (the loop's time, in seconds). A stream never lets one overtake another."""

    due_s: float
    data: bytes


class Flow(Protocol):
    """One direction of one connection, as a toxic sees it.

    Attributes:
        busy_until_s: when the last byte so far is through, for whoever limits the rate.
    """

    random: random.Random
    busy_until_s: float

    def has_lost_bytes(self) -> None:
        """Note that what is forwarded is no longer what was sent."""


class Toxic(Protocol):
    """Changes the pieces that arrive while it applies.

    Attributes:
        holds: nothing that has not gone on yet goes on while it applies.
    """

    @property
    def holds(self) -> bool: ...

    def apply(self, piece: Piece, flow: Flow) -> Iterator[Piece]: ...


@dataclass(frozen=True)
class Latency:
    """Every piece is late by `delay_s`, give or take `jitter_s`; order is kept."""

    delay_s: float
    jitter_s: float = 0.0
    holds = False

    def apply(self, piece: Piece, flow: Flow) -> Iterator[Piece]:
        late_s = self.delay_s + flow.random.uniform(-self.jitter_s, self.jitter_s)
        yield Piece(piece.due_s + max(0.0, late_s), piece.data)


@dataclass(frozen=True)
class Bandwidth:
    """No more than `bytes_per_s`, in pieces of a tenth of a second."""

    bytes_per_s: int
    holds = False

    def apply(self, piece: Piece, flow: Flow) -> Iterator[Piece]:
        size = max(1, self.bytes_per_s // 10)
        for start in range(0, len(piece.data), size):
            data = piece.data[start : start + size]
            flow.busy_until_s = max(flow.busy_until_s, piece.due_s) + len(data) / self.bytes_per_s
            yield Piece(flow.busy_until_s, data)


@dataclass(frozen=True)
class Slicer:
    """Bytes come a few at a time, as from a network that fragments: every parser meets every boundary."""

    min_bytes: int = 1
    max_bytes: int = 7
    pause_s: float = 0.0
    holds = False

    def apply(self, piece: Piece, flow: Flow) -> Iterator[Piece]:
        start, due_s = 0, piece.due_s
        while start < len(piece.data):
            size = flow.random.randint(self.min_bytes, self.max_bytes)
            yield Piece(due_s, piece.data[start : start + size])
            start, due_s = start + size, due_s + self.pause_s


@dataclass
class CorruptByte:
    """One byte of a piece is another one. A checksum of TCP misses such things once in a while.

    Attributes:
        chance: of each piece to be hit.
        limit: how many bytes, over all connections.
    """

    chance: float = 1.0
    limit: int = 1
    num_corrupted: int = 0
    holds = False

    def apply(self, piece: Piece, flow: Flow) -> Iterator[Piece]:
        if self.num_corrupted < self.limit and flow.random.random() < self.chance:
            self.num_corrupted += 1
            yield Piece(piece.due_s, _with_another_byte(piece.data, flow.random))
        else:
            yield piece


@dataclass(frozen=True)
class Swallow:
    """Bytes are taken, and gone. A connection that has lost some is reset when the proxy heals."""

    holds = False

    def apply(self, piece: Piece, flow: Flow) -> Iterator[Piece]:
        flow.has_lost_bytes()
        yield from ()


@dataclass(frozen=True)
class Stall:
    """Bytes wait, and go on when it is over: a black hole that TCP's retransmissions outlast."""

    holds = True

    def apply(self, piece: Piece, flow: Flow) -> Iterator[Piece]:
        yield piece


def _with_another_byte(data: bytes, rng: random.Random) -> bytes:
    index = rng.randrange(len(data))
    changed = bytearray(data)
    changed[index] ^= rng.randint(1, 255)
    return bytes(changed)
