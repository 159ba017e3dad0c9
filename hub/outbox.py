"""What waits for one socket. Pure, hot.

A message is encoded bytes; a batch is the list of messages that one channel published in one tick, shared by all its
subscribers. Nothing here copies either: a stalled client costs references to bytes that others were sent too.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from hub.protocol.codec import Framing

MAX_FRAME_BYTES = 65_536
"""Messages are joined into transport messages of at most this size: PyPI `websockets` refuses 1 MiB by default."""

HIGH_WATER_BYTES = 65_536
"""With more than this in the transport's own buffer the socket is congested and gets nothing new until it drains."""

MESSAGE_OVERHEAD_BYTES = 96
"""What a waiting message costs beside its bytes: the object around them (33), its place in the queue (8), and what the
allocator rounds up and cannot give back. The bound is on memory, and most messages are short (bench: slow_client)."""

MAX_WRITE_BYTES = 262_144
"""Most that is handed to a transport at once, unless a single message is longer: what one write can cost."""


class Sink(Protocol):
    """The writing half of a transport. Neither method waits or raises."""

    @property
    def framing(self) -> Framing: ...

    def write(self, frame: bytes) -> None:
        """Hand bytes to the transport, in order; dropped once the transport is gone."""

    def buffered_bytes(self) -> int:
        """Bytes that the transport has accepted and the kernel has not."""


class Outbox:
    """Everything accepted for one socket and not yet written.

    `pending` is this tick's; `backlog` is what a congested socket could not take, None while it is not congested.

    Invariants:
        OUT-1  messages leave in the order in which they were accepted.
        OUT-2  backlog_bytes is the sum of the costs of the messages in the backlog (`cost_of`).
        OUT-3  what waits beyond max_bytes is reported at the flush that made it so, and never grows after. A single
               message longer than that still goes out, or its client could never get it.
    """

    __slots__ = (
        "backlog",
        "backlog_bytes",
        "buffered_bytes",
        "framing",
        "is_closed",
        "max_bytes",
        "owner",
        "pending",
        "pending_bytes",
        "stalled_bytes",
        "stalled_since_s",
        "write",
    )

    def __init__(self, sink: Sink, max_bytes: int, owner: object = None) -> None:
        self.pending: list[bytes | list[bytes]] = []
        self.pending_bytes = 0  # of replies: the one kind of message that a client makes for itself
        self.backlog: deque[bytes] | None = None
        self.backlog_bytes = 0
        self.framing = sink.framing
        # Bound once: fan-out calls them per subscriber, and an attribute chain there costs as much as the call.
        self.write: Callable[[bytes], None] = sink.write
        self.buffered_bytes: Callable[[], int] = sink.buffered_bytes
        self.max_bytes = max_bytes
        self.owner = owner
        self.is_closed = False
        self.stalled_since_s = 0.0
        self.stalled_bytes = 0

    def congest(self) -> None:
        """From here on messages go to the backlog."""
        if self.backlog is None:
            self.backlog = deque()
            self.stalled_since_s = 0.0

    def hold_back(self, entries: Iterable[bytes | list[bytes]]) -> bool:
        """Move entries to the backlog of a congested outbox; say whether it is within bounds (OUT-3)."""
        assert self.backlog is not None, "only a congested outbox has a backlog"
        if self.backlog_bytes > self.max_bytes:
            return False
        messages = flatten(entries)
        self.backlog += messages
        self.backlog_bytes += cost_of(messages)
        # What a single long message left in the transport does not count, or whatever follows it would be too much.
        in_transport = min(self.buffered_bytes(), HIGH_WATER_BYTES + MAX_WRITE_BYTES)
        return self.backlog_bytes + in_transport <= self.max_bytes

    def write_backlog(self) -> None:
        """Write as much of the backlog as one write may carry, at least one message."""
        backlog = self.backlog
        group: list[bytes] = []
        group_bytes = 0
        while backlog and (not group or group_bytes + len(backlog[0]) <= MAX_WRITE_BYTES):
            message = backlog.popleft()
            group.append(message)
            group_bytes += len(message)
        if group:
            self.backlog_bytes -= cost_of(group)
            self.write(frame_messages(self.framing, group))

    def close(self) -> None:
        """Drop what waits and accept nothing more."""
        self.is_closed = True
        self.pending = []
        self.pending_bytes = 0
        self.backlog = None
        self.backlog_bytes = 0


def cost_of(messages: Sequence[bytes]) -> int:
    """Bytes of memory that these messages hold as long as they wait."""
    return sum(map(len, messages)) + MESSAGE_OVERHEAD_BYTES * len(messages)


def flatten(entries: Iterable[bytes | list[bytes]]) -> list[bytes]:
    messages: list[bytes] = []
    for entry in entries:
        if type(entry) is list:
            messages += entry
        else:
            messages.append(entry)  # type: ignore[arg-type]  # mypy does not narrow on type() is
    return messages


def frame_messages(framing: Framing, messages: list[bytes]) -> bytes:
    """Bytes that carry the messages in transport messages of at most MAX_FRAME_BYTES, where a message allows."""
    if len(messages) == 1 or sum(map(len, messages)) + len(messages) <= MAX_FRAME_BYTES:
        return framing.frame(messages)
    frames = []
    group: list[bytes] = []
    group_bytes = 0
    for message in messages:
        if group and group_bytes + len(message) + 1 > MAX_FRAME_BYTES:
            frames.append(framing.frame(group))
            group, group_bytes = [], 0
        group.append(message)
        group_bytes += len(message) + 1
    frames.append(framing.frame(group))
    return b"".join(frames)
