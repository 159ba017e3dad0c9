"""What this node has handed over of each channel it is subscribed to.

The doorbell carries the publication, so nothing is read while nothing is missing. An offset that does not follow the
last one, or a doubt about the connection, and the feed holds back what comes until the stream was read.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from hub.engines.redis.envelopes import Envelope, decode_envelope
from hub.protocol.messages import StreamPosition

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.complaints import Complaints
    from hub.engine import EngineListener
    from hub.engines.redis.failures import ServerError
    from hub.engines.redis.keys import ChannelKeys
    from hub.protocol.messages import Publication

MAX_HELD: Final = 1_000
"""Messages one feed holds back. Beyond, what a stream keeps is read there; what none keeps is lost, and counted."""

MAX_HELD_BY_ALL: Final = 100_000


class FeedContext:
    """What all feeds share.

    Attributes:
        catch_up: asks for a feed's stream to be read; set by whoever reads.
        attach_again: see Buses.
        gaps: times that an offset did not follow the last one, or an epoch was another.
        num_held: messages held back at the moment.
    """

    listener: EngineListener

    def __init__(self, complaints: Complaints, *, is_sharded: bool) -> None:
        self.complaints = complaints
        self.is_sharded = is_sharded
        self.catch_up: Callable[[Feed], None] = lambda _: None
        self.attach_again: Callable[[Feed], None] = lambda _: None
        self.num_held = 0
        self.gaps = 0


class Feed:
    """One channel. A Route.

    Invariants:
        FEED-1  what the listener is handed of one epoch rises in offset.
        FEED-2  while `held` is a list, nothing that comes is handed over; CatchUp alone ends that.

    Attributes:
        epoch, offset: the last position handed over, or, as long as none was, the first that was read. Epoch "" is
            unknown.
        is_fed: whether it was handed over.
        held: what came while the stream is to be read; None while nothing is.
        must_read: what the stream held when it was read last is not enough.
    """

    __slots__ = (
        "_context",
        "_is_attached",
        "_waiter",
        "channel",
        "epoch",
        "held",
        "is_fed",
        "keys",
        "must_read",
        "name",
        "offset",
        "slot",
    )

    def __init__(self, channel: str, keys: ChannelKeys, context: FeedContext) -> None:
        self.channel = channel
        self.keys = keys
        self.name = keys.doorbell
        self.slot = keys.slot
        self.epoch = ""
        self.offset = 0
        self.is_fed = False
        self.held: list[Envelope] | None = None
        self.must_read = False
        self._context = context
        self._is_attached = False
        self._waiter: asyncio.Future[None] | None = None

    # --- Route ------------------------------------------------------------------------------------------------------

    @property
    def is_sharded(self) -> bool:
        return self._context.is_sharded

    @property
    def is_attached(self) -> bool:
        return self._is_attached

    def attached(self) -> None:
        if self._is_attached:
            return
        self._is_attached = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self.held is not None:
            self.must_read = True
            self._context.catch_up(self)

    def detached(self) -> None:
        """In doubt: what may be missing comes from the stream, once it is attached again."""
        if self._is_attached:
            self._is_attached = False
            if self.held is None:
                self.held = []

    def refused(self, error: ServerError) -> None:  # noqa: ARG002  its bus has said so
        self._context.attach_again(self)

    def receive(self, data: bytes) -> None:
        """Hot: one decode per message."""
        envelope = decode_envelope(data)
        if self.held is not None:
            self._hold(envelope)
        elif not envelope.o:
            self._hand_over_unkept(envelope)
        elif envelope.o == self.offset + 1 and envelope.e == self.epoch:
            self._hand_over(envelope.p, envelope.o)  # type: ignore[arg-type]  # with an offset there is a publication
        else:
            self._take(envelope)

    # --- for the engine ---------------------------------------------------------------------------------------------

    async def until_attached(self) -> None:
        if not self._is_attached:
            if self._waiter is None or self._waiter.done():
                self._waiter = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._waiter)

    def learn(self, position: StreamPosition) -> bool:
        """A read of the stream says where it stands. Return whether what leads there has yet to be handed over."""
        if not self.epoch:
            self.epoch, self.offset = position.epoch, position.offset
            return False
        return position.epoch == self.epoch and position.offset > self.offset

    def forget(self) -> None:
        """Whatever was handed over, nobody counts on it any more."""
        self.epoch, self.offset, self.is_fed = "", 0, False

    # --- for CatchUp ------------------------------------------------------------------------------------------------

    def hold(self) -> None:
        """Hold back what comes, for the stream has to be read."""
        self.must_read = True
        if self.held is None:
            self.held = []

    def begin_anew(self, epoch: str, offset: int) -> None:
        """The stream goes on in another epoch; what comes after `offset` there was not handed over."""
        self.epoch, self.offset, self.is_fed = epoch, offset, True

    def hand_over_missed(self, publications: list[Publication], last_offset: int) -> None:
        """What was read from the stream, after the last position, in its epoch. What could not be read is a gap."""
        for publication in publications:
            self._hand_over(publication, publication.offset)
        self.offset, self.is_fed = last_offset, True

    def release(self) -> bool:
        """Hand over what was held back. Return False when the stream has to be read once more before that can be done.

        What is missing between the last position and the first that was held is not in the stream any more, or it
        would have been read: the listener is left to see the gap.
        """
        held = self.held or []
        if not self._is_attached:
            return False
        if self.must_read or (self.epoch and any(envelope.o and envelope.e != self.epoch for envelope in held)):
            unkept = [envelope for envelope in held if not envelope.o]
            self._context.num_held -= len(held) - len(unkept)
            self.held = unkept
            return False
        while held:
            self._context.num_held -= 1
            self._release_one(held.pop(0))
        self.held = None
        return True

    def _release_one(self, envelope: Envelope) -> None:
        if not envelope.o:
            self._hand_over_unkept(envelope)
        elif envelope.o > self.offset or envelope.e != self.epoch:
            self.epoch = envelope.e
            self._hand_over(envelope.p, envelope.o)  # type: ignore[arg-type]  # same

    def discard_held(self) -> None:
        """Nobody listens any more."""
        self._context.num_held -= len(self.held or ())
        self.held = None

    # --- inside -----------------------------------------------------------------------------------------------------

    def _take(self, envelope: Envelope) -> None:
        """One that does not simply follow the last.

        Another epoch need not be a later one: a primary that was deposed while it was frozen still carries out what it
        had received, and a cluster spreads the message to the subscribers of its successor. The stream knows which.
        """
        is_same = envelope.e == self.epoch
        if is_same and envelope.o <= self.offset and self.is_fed:
            return
        if self.epoch and (not is_same or envelope.o > self.offset + 1):
            self._context.gaps += 1
            self.hold()
            self._hold(envelope)
            self._context.catch_up(self)
            return
        self.epoch = envelope.e
        self._hand_over(envelope.p, envelope.o)  # type: ignore[arg-type]  # same

    def _hold(self, envelope: Envelope) -> None:
        context = self._context
        held = self.held
        if held is None:
            return
        if len(held) < MAX_HELD and context.num_held < MAX_HELD_BY_ALL:
            held.append(envelope)
            context.num_held += 1
        elif envelope.o:
            self.must_read = True
        else:
            context.complaints.add("redis_message_lost")

    def _hand_over(self, publication: Publication, offset: int) -> None:
        # First: should the listener fail, it has been told all the same.
        self.offset, self.is_fed = offset, True
        publication.offset = offset
        self._context.listener.on_publication(self.channel, publication, StreamPosition(offset, self.epoch))

    def _hand_over_unkept(self, envelope: Envelope) -> None:
        listener = self._context.listener
        if envelope.p is not UNSET:
            listener.on_publication(self.channel, envelope.p, None)
        elif envelope.j is not UNSET:
            listener.on_join(self.channel, envelope.j)
        elif envelope.l is not UNSET:
            listener.on_leave(self.channel, envelope.l)
