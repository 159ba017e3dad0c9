"""One publication to many outboxes, and one write per outbox and tick. Pure, hot (docs/adr/0014-fan-out-by-tick.md).

A publication costs one encode per codec and one list append, however many subscribers there are: it joins the batch
of its audience. When the tick ends, each member of a touched audience is handed the batch as one reference, and each
touched outbox becomes one frame and one write. Outboxes with the same pending batches share the frame.

Measured by `bench` (fan-out): a write per message costs 1.0, a batch of 16 written once 0.09 per message.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING

from hub.histogram import COUNT_BOUNDS, Histogram
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

    __slots__ = ("batch", "codec", "members", "namespace")

    def __init__(self, codec: Codec, namespace: str = "") -> None:
        self.codec = codec
        self.namespace = namespace  # what its deliveries are counted under
        self.members: dict[Outbox, object] = {}
        self.batch: list[bytes] = []


class FanOut:
    """The node's dirty audiences and outboxes, and the flush that empties them.

    Args:
        schedule: runs a callback once, after the events of this tick (`loop.call_soon`).
        on_overflow: called, outside any iteration over audiences, with an outbox whose backlog is over its bound.
        on_congestion: called when an outbox becomes congested: drain_congested has to be called from then on.
        monotonic_s: the clock that flushes are timed by.

    Attributes:
        deliveries_in: by namespace.
        sizes: of the audiences, once for each publication and codec.
        flush_s: how long each slice of a flush took.
    """

    def __init__(
        self,
        schedule: Callable[[Callable[[], None]], object],
        on_overflow: Callable[[Outbox], None],
        on_congestion: Callable[[], None] = lambda: None,
        monotonic_s: Callable[[], float] = lambda: 0.0,
    ) -> None:
        self._schedule = schedule
        self._on_overflow = on_overflow
        self._on_congestion = on_congestion
        self._monotonic_s = monotonic_s
        self._audiences: list[Audience] = []
        self._dirty: deque[Outbox] = deque()
        self._is_scheduled = False
        self._marks: deque[tuple[int, Callable[[], None]]] = deque()
        self._new_marks: list[Callable[[], None]] = []
        self._num_popped = 0
        self.congested: dict[Outbox, None] = {}
        self.deliveries = 0
        self.writes = 0
        self.deliveries_in: Counter[str] = Counter()
        self.sizes = Histogram(COUNT_BOUNDS)
        self.flush_s = Histogram()

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

    def mark(self, written: Callable[[], None]) -> None:
        """Call back, once, when everything queued until now has been written, or held back where a socket is congested.

        It must not fail, nor queue anything.
        """
        self._new_marks.append(written)
        self._wake()

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
        num_messages, num_members = len(batch), len(audience.members)
        self.deliveries += num_messages * num_members
        self.deliveries_in[audience.namespace] += num_messages * num_members
        self.sizes.observe_many(num_members, num_messages)

    def flush(self) -> None:
        """Write a slice of what is pending; schedules itself again until nothing is."""
        self._is_scheduled = False
        started_s = self._monotonic_s()
        self._release_all()
        dirty = self._dirty
        last_pending: list[bytes | list[bytes]] | None = None
        last_framing: Framing | None = None
        frame = b""
        overflowed: list[Outbox] = []
        num_popped = min(len(dirty), WRITES_PER_SLICE)
        for _ in range(num_popped):
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
        self._go_on(num_popped)
        for outbox in overflowed:
            self._on_overflow(outbox)
        self.flush_s.observe(self._monotonic_s() - started_s)

    def _release_all(self) -> None:
        audiences, self._audiences = self._audiences, []
        for audience in audiences:
            self.release(audience)
        if self._new_marks:
            self._place_marks()

    def _go_on(self, num_popped: int) -> None:
        """A slice has been served: tell whom it concerns, and come back for the rest."""
        self._num_popped += num_popped
        if self._dirty:
            self._wake()
        if self._marks:
            self._reach_marks()

    def _place_marks(self) -> None:
        """What they wait for stands in the queue now: they are reached when so many outboxes have been served."""
        end = self._num_popped + len(self._dirty)
        self._marks += [(end, written) for written in self._new_marks]
        self._new_marks.clear()

    def _reach_marks(self) -> None:
        marks = self._marks
        while marks and marks[0][0] <= self._num_popped:
            marks.popleft()[1]()

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
