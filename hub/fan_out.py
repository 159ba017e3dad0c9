"""One publication to many outboxes, and one write per outbox and tick. Pure, hot (docs/adr/0014-fan-out-by-tick.md).

A publication costs one encode per codec and one list append, however many subscribers there are: it joins the batch
of its audience. When the tick ends, each member of a touched audience is handed the batch as one reference, and each
touched outbox becomes one frame and one write. Outboxes with the same pending batches share the frame.

Measured by `bench` (fan-out): a write per message costs 1.0, a batch of 16 written once 0.09 per message.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from hub.outbox import HIGH_WATER_BYTES, MAX_WRITE_BYTES, Outbox, flatten, frame_messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.protocol.codec import Codec, Framing

WRITES_PER_SLICE = 256
"""After this many writes (1 to 2 ms) a flush lets other work of the loop run."""


class Audience:
    """Outboxes that receive identical bytes: the subscribers of one channel that speak one codec.

    Invariant AUD-1: a member receives exactly the publications between its join and its leave; whoever changes
    `members` calls FanOut.release first.
    """

    __slots__ = ("batch", "codec", "members")

    def __init__(self, codec: Codec) -> None:
        self.codec = codec
        self.members: dict[Outbox, object] = {}
        self.batch: list[bytes] = []


class FanOut:
    """The node's dirty audiences and outboxes, and the flush that empties them.

    Args:
        schedule: runs a callback once, after the events of this tick (`loop.call_soon`).
        on_overflow: called, outside any iteration over audiences, with an outbox whose backlog is over its bound.
        on_congestion: called when an outbox becomes congested: drain_congested has to be called from then on.
    """

    def __init__(
        self,
        schedule: Callable[[Callable[[], None]], object],
        on_overflow: Callable[[Outbox], None],
        on_congestion: Callable[[], None] = lambda: None,
    ) -> None:
        self._schedule = schedule
        self._on_overflow = on_overflow
        self._on_congestion = on_congestion
        self._audiences: list[Audience] = []
        self._dirty: deque[Outbox] = deque()
        self._is_scheduled = False
        self.congested: dict[Outbox, None] = {}
        self.deliveries = 0
        self.writes = 0

    def publish(self, audience: Audience, message: bytes) -> None:
        """Give a message to every member at the end of this tick."""
        batch = audience.batch
        if not batch:
            self._audiences.append(audience)
            self._wake()
        batch.append(message)

    def send(self, outbox: Outbox, message: bytes) -> None:
        """Give a message to one outbox at the end of this tick, after everything it was sent before."""
        if outbox.is_closed:
            return
        if not outbox.pending:
            self._dirty.append(outbox)
            self._wake()
        outbox.pending.append(message)
        outbox.pending_bytes += len(message)

    def release(self, audience: Audience) -> None:
        """Hand the waiting batch to the members as they are now: before the membership changes (AUD-1)."""
        batch = audience.batch
        if not batch:
            return
        audience.batch = []
        dirty = self._dirty
        for outbox in audience.members:
            pending = outbox.pending
            if not pending:
                dirty.append(outbox)
            pending.append(batch)
        self.deliveries += len(batch) * len(audience.members)

    def flush(self) -> None:
        """Write a slice of what is pending; schedules itself again until nothing is."""
        self._is_scheduled = False
        self._release_all()
        dirty = self._dirty
        last_pending: list[bytes | list[bytes]] | None = None
        last_framing: Framing | None = None
        frame = b""
        overflowed: list[Outbox] = []
        for _ in range(min(len(dirty), WRITES_PER_SLICE)):
            outbox = dirty.popleft()
            pending = outbox.pending
            if not pending:  # closed since it was queued
                continue
            outbox.pending = []
            outbox.pending_bytes = 0
            if outbox.backlog is not None:
                if not outbox.hold_back(pending):
                    overflowed.append(outbox)
                continue
            # Equal lists of the very same batch objects compare by identity: a few ns.
            if outbox.framing is not last_framing or pending != last_pending:
                last_pending, last_framing = pending, outbox.framing
                frame = frame_messages(last_framing, flatten(pending))
            if len(frame) > MAX_WRITE_BYTES:
                self._write_in_parts(outbox, pending, overflowed)
                continue
            outbox.write(frame)
            self.writes += 1
            if outbox.buffered_bytes() > HIGH_WATER_BYTES:
                self._congest(outbox)
        if dirty:
            self._wake()
        for outbox in overflowed:
            self._on_overflow(outbox)

    def _release_all(self) -> None:
        audiences, self._audiences = self._audiences, []
        for audience in audiences:
            self.release(audience)

    def flush_all(self, outbox: Outbox) -> None:
        """Write what one outbox has pending, now: its connection is about to close."""
        pending, outbox.pending = outbox.pending, []
        if pending and outbox.backlog is None:
            outbox.write(frame_messages(outbox.framing, flatten(pending)))

    def drain_congested(self, now_s: float, write_timeout_s: float) -> list[Outbox]:
        """Go on with backlogs whose sockets drain; return the outboxes that made no progress for write_timeout_s."""
        stalled = []
        for outbox in list(self.congested):
            if outbox.is_closed:
                del self.congested[outbox]
                continue
            buffered = outbox.buffered_bytes()
            if buffered <= HIGH_WATER_BYTES:
                self._relieve(outbox)
            elif buffered < outbox.stalled_bytes or not outbox.stalled_since_s:
                outbox.stalled_bytes, outbox.stalled_since_s = buffered, now_s
            elif now_s - outbox.stalled_since_s >= write_timeout_s:
                stalled.append(outbox)
        return stalled

    def _relieve(self, outbox: Outbox) -> None:
        """The socket has drained: write on; without a backlog it is congested no more."""
        outbox.stalled_since_s = 0.0
        if outbox.backlog:
            outbox.write_backlog()
            self.writes += 1
        elif outbox.buffered_bytes() <= HIGH_WATER_BYTES:
            outbox.backlog = None
            del self.congested[outbox]

    def _write_in_parts(self, outbox: Outbox, pending: list[bytes | list[bytes]], overflowed: list[Outbox]) -> None:
        """More than one write may carry: the first part goes out, the rest when the socket has taken that."""
        self._congest(outbox)
        messages = flatten(pending)
        outbox.hold_back(messages[:1])
        outbox.write_backlog()
        if not outbox.hold_back(messages[1:]):
            overflowed.append(outbox)

    def _congest(self, outbox: Outbox) -> None:
        outbox.congest()
        self.congested[outbox] = None
        self._on_congestion()

    def _wake(self) -> None:
        if not self._is_scheduled:
            self._is_scheduled = True
            self._schedule(self.flush)
