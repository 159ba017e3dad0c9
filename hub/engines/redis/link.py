"""One connection for commands: written once per tick, answered in order.

Own RESP instead of redis-py's because of what that costs per message (docs/adr/0035-redis-engine.md) and because of
what a cancelled caller leaves behind: here the place in the queue of answers stays, so no answer ever goes to another.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING, Any, Final, cast

import hiredis
from hiredis import pack_command

from hub.engines.redis.failures import LinkFull, LinkLost, ServerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hub.clock import Clock

logger = logging.getLogger(__name__)

MAX_IN_FLIGHT: Final = 20_000
"""Commands without an answer; beyond, calls fail at once."""

MAX_UNSENT_BYTES: Final = 16 * 1024 * 1024
"""What waits for the socket to take it; beyond, calls fail at once."""

MAX_RELOADS: Final = 3
"""Times in a row that a server may forget its scripts before the connection is given up."""

TICK_S: Final = 0.1
"""How often it is looked whether an answer is overdue."""

MORE: Final = object()
"""What the parser says when there is no further answer yet."""

Slot = tuple["asyncio.Future[Any]", bytes]
"""Where an answer goes, and the command it answers."""


class Link(asyncio.Protocol):
    """A connection that has been let in, or is about to be.

    Order: commands reach the server, and answers come back, in the order of the calls. Event-loop thread only.

    Args:
        io_timeout_s: an answer that takes longer ends the connection, and with it every call on it.
        on_data: called before each chunk that came is looked at; it may close the link, and the chunk is dropped.

    Attributes:
        scripts: sources to load anew when the server says NOSCRIPT.
        incarnation: of the server, see hub.engines.redis.incarnation; kept by whoever opens the link.
        lost: done when the connection has ended.
    """

    def __init__(self, clock: Clock, io_timeout_s: float, on_data: Callable[[], object] = lambda: None) -> None:
        self._loop = asyncio.get_running_loop()
        self._monotonic_s = clock.monotonic_s
        self._patience_s = max(io_timeout_s - 2 * TICK_S, TICK_S)
        self._on_data = on_data
        self._reader = hiredis.Reader(notEnoughData=MORE)
        self._transport: asyncio.Transport | None = None
        self._unsent: list[Slot] = []
        self._slots: deque[Slot] = deque()
        self._again: list[Slot] = []  # refused with NOSCRIPT, to be sent once more before anything newer
        self._reloads = 0
        self._is_flush_due = False
        self._is_full = False
        self._num_called = 0
        self._num_answered = 0
        self._marks: deque[tuple[float, int]] = deque()  # when, and how many had been called by then
        self._last_tick_s = 0.0
        self._tick: asyncio.TimerHandle | None = None
        self.scripts: Sequence[str] = ()
        self.incarnation = ""
        self.is_closed = False
        self.lost: asyncio.Future[None] = self._loop.create_future()

    # --- what callers do --------------------------------------------------------------------------------------------

    def call(self, *args: str | bytes | int) -> asyncio.Future[Any]:
        """Send a command. The future is the answer: str is never in it, bytes are; an error reply is a ServerError.

        Raises:
            LinkLost, LinkFull: nothing was sent.
        """
        return self.send(pack_command(args))  # type: ignore[arg-type]  # the stub says 1-tuple

    def send(self, packed: bytes) -> asyncio.Future[Any]:
        """As `call`, of a command that is RESP already."""
        if self.is_closed:
            raise LinkLost("the connection is closed")
        if self._is_full or self.in_flight >= MAX_IN_FLIGHT:
            raise LinkFull("too many commands wait for their answers")
        future = self._loop.create_future()
        self._unsent.append((future, packed))
        self._num_called += 1
        if not self._is_flush_due:
            self._is_flush_due = True
            self._loop.call_soon(self._flush)
        return future

    @property
    def in_flight(self) -> int:
        return self._num_called - self._num_answered

    def close(self, why: str = "closed") -> None:
        """End the connection at once: what is unsent stays unsent, every open call fails with LinkLost."""
        if self.is_closed:
            return
        self.is_closed = True
        if self._tick is not None:
            self._tick.cancel()
        if self._transport is not None:
            self._transport.abort()
        slots = [*self._again, *self._slots, *self._unsent]
        self._again, self._unsent = [], []
        self._slots.clear()
        for future, _ in slots:
            if not future.done():
                future.set_exception(LinkLost(why))
        if not self.lost.done():
            self.lost.set_result(None)

    # --- what the loop does -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=MAX_UNSENT_BYTES)
        self._last_tick_s = self._monotonic_s()
        self._tick = self._loop.call_later(TICK_S, self._check_overdue)

    def connection_lost(self, exc: Exception | None) -> None:
        self.close(f"the connection was lost: {exc}" if exc else "the server closed the connection")

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False

    def data_received(self, data: bytes) -> None:
        self._on_data()
        if self.is_closed:
            return
        self._reader.feed(data)
        try:
            self._take_replies()
        except hiredis.ProtocolError as exc:
            self.close(f"not RESP: {exc}")

    def _take_replies(self) -> None:
        """Hot: an answer costs a pop and, where somebody still waits for it, a wake-up."""
        gets, slots = self._reader.gets, self._slots
        answered = 0
        while (reply := gets()) is not MORE:
            if not slots:
                self.close("an answer that nobody asked for")
                return
            slot = slots.popleft()
            if type(reply) is hiredis.ReplyError:
                answered += self._take_error(slot, str(reply))
                continue
            answered += 1
            if not slot[0].done():  # else its caller was cancelled
                slot[0].set_result(reply)
        self._num_answered += answered
        if not slots and not self.is_closed:
            self._reload()

    def _take_error(self, slot: Slot, message: str) -> int:
        """Return how many answers that was."""
        if message.startswith("NOSCRIPT") and self.scripts:
            self._again.append(slot)
            if self._reloads >= MAX_RELOADS:
                self.close("the server keeps forgetting its scripts")
            return 0
        if not slot[0].done():
            slot[0].set_exception(ServerError(message))
        return 1

    def _reload(self) -> None:
        """Load scripts that were missing, and send what was refused for that, before everything called since."""
        if not self._again:
            self._reloads = 0
            return
        self._reloads += 1
        logger.warning("redis_scripts_reloaded", extra={"commands": len(self._again)})
        loads = [self._load(script) for script in self.scripts]
        self._num_called += len(loads)
        self._unsent = [*loads, *self._again, *self._unsent]
        self._again = []
        self._flush()

    def _load(self, script: str) -> Slot:
        future = self._loop.create_future()
        future.add_done_callback(_consume)  # refused, it is missing again
        return future, pack_command(("SCRIPT", "LOAD", script))  # type: ignore[arg-type]  # the stub says 1-tuple

    def _flush(self) -> None:
        self._is_flush_due = False
        if self.is_closed or self._again or self._transport is None:
            return  # closed; or waiting for the scripts, and _reload comes back to it
        unsent = self._unsent
        if not unsent:
            return
        self._unsent = []
        self._slots.extend(unsent)
        self._transport.write(b"".join([packed for _, packed in unsent]))

    def _check_overdue(self) -> None:
        """Costs the same however many commands there are: what was called by a mark is answered in time, or not."""
        now_s = self._monotonic_s()
        starved_s = max(0.0, now_s - self._last_tick_s - 2 * TICK_S)
        self._last_tick_s = now_s
        if starved_s:  # this process did not run; the server may well have answered
            self._marks = deque((at_s + starved_s, called) for at_s, called in self._marks)
        marks = self._marks
        while marks and marks[0][1] <= self._num_answered:
            marks.popleft()
        if marks and now_s - marks[0][0] > self._patience_s:
            self.close("no answer in time")
            return
        if self.in_flight and (not marks or marks[-1][1] != self._num_called):
            marks.append((now_s, self._num_called))
        self._tick = self._loop.call_later(TICK_S, self._check_overdue)


def _consume(answer: asyncio.Future[Any]) -> None:
    if not answer.cancelled():
        answer.exception()
