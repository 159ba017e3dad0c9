"""Control messages: a capped stream with a doorbell, as publications are.

What the doorbell missed is read from the stream, in order, once.
"""

from __future__ import annotations

import asyncio
import logging
import random
from typing import TYPE_CHECKING, Final, NamedTuple

from hub.engines.redis.buses import Call
from hub.engines.redis.scripts import CONTROL, CONTROL_MISSED
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.complaints import Complaints
    from hub.engines.redis.buses import Buses
    from hub.engines.redis.failures import ServerError
    from hub.engines.redis.keys import Keys

logger = logging.getLogger(__name__)

MAX_KEPT: Final = 10_000
"""Messages that the stream keeps for nodes that were out of touch; what a node misses beyond is counted as lost."""

PAGE_SIZE: Final = 500

MAX_HELD: Final = 1_000
"""Messages held back while the stream is read; beyond, they are read from there as well."""

RETRY_S: Final = 0.5

Id = tuple[int, int]
NEVER: Final[Id] = (0, 0)


class Received(NamedTuple):
    id: Id
    message: bytes


class Log(NamedTuple):
    """A part of the stream. `incarnation` is of the server that has it now: it has added the entries of that `r`."""

    incarnation: bytes
    oldest: Id
    top: Id
    entries: list[tuple[bytes, list[bytes]]]


class ControlLine:
    """A Route. Every node hears every message, its own as well, in the order of the stream.

    Args:
        deliver: the listener's.
    """

    def __init__(
        self, keys: Keys, buses: Buses, complaints: Complaints, deliver: Callable[[bytes], None], *, is_sharded: bool
    ) -> None:
        own = keys.system("control")
        self.name, self.slot, self.is_sharded = own.doorbell, own.slot, is_sharded
        self._log = own.log
        self._buses = buses
        self._complaints = complaints
        self._deliver = deliver
        self._verb = b"SPUBLISH" if is_sharded else b"PUBLISH"
        self._last = NEVER
        self._incarnation = b""  # of the server that had the stream when it was read last
        self._held: list[Received] = []
        self._is_holding = True
        self._is_attached = False
        self._doubt = asyncio.Event()
        self._begun = asyncio.Event()

    @property
    def is_listening(self) -> bool:
        """Whether what is said now is heard as it is said."""
        return not self._is_holding

    async def send(self, message: bytes) -> None:
        """Raises EngineUnavailable: it may or may not be sent."""
        await self._begun.wait()  # else this node might not hear its own; its caller has a deadline
        args = (self._verb, self.name, MAX_KEPT, message)
        await self._buses.call(Call(CONTROL, self.slot, (self._log,), args))

    async def run(self) -> None:
        """Until cancelled."""
        self._doubt.set()
        while True:
            await self._doubt.wait()
            self._doubt.clear()
            try:
                await (self._catch_up() if self._begun.is_set() else self._begin())
            except Exception as exc:  # the server's, or the listener's of one message: the next one is its next chance
                if not isinstance(exc, EngineUnavailable):
                    logger.exception("redis_control_failed")
                self._doubt.set()
                await asyncio.sleep(random.uniform(RETRY_S / 2, RETRY_S))

    # --- Route ------------------------------------------------------------------------------------------------------

    def attached(self) -> None:
        self._is_attached = self._is_holding = True
        self._doubt.set()

    def detached(self) -> None:
        self._is_attached, self._is_holding = False, True

    def refused(self, error: ServerError) -> None:  # noqa: ARG002  its bus has said so
        self._buses.attach_again(self)

    def receive(self, data: bytes) -> None:
        raw_id, _, message = data.partition(b"\n")
        received = Received(id_of(raw_id), message)
        if not self._is_holding:
            self._take(received)
        elif len(self._held) < MAX_HELD:
            self._held.append(received)
        else:
            self._doubt.set()

    # --- inside -----------------------------------------------------------------------------------------------------

    async def _begin(self) -> None:
        """Find out where the stream stands, before listening: what was said earlier is for those who were there."""
        log = await self._read("+", 0)
        self._incarnation, self._last = log.incarnation, log.top
        self._begun.set()
        self._buses.attach(self)

    async def _catch_up(self) -> None:
        """Hand over what was missed, then what was held back meanwhile."""
        log = await self._read(after(self._last), PAGE_SIZE)
        if log.top < self._last:
            log = await self._begin_anew(log)
        elif log.oldest > self._last > NEVER:
            self._complaints.add("redis_control_lost", reason="trimmed")
        while log.entries:
            for raw_id, fields in log.entries:
                self._take(Received(id_of(raw_id), fields[1]))
            log = await self._read(after(self._last), PAGE_SIZE)
        self._incarnation = log.incarnation
        held, self._held = self._held, []
        if self._doubt.is_set() or not self._is_attached:
            return  # what was read may be older than the link, or than what could not be held: all of it is read again
        for received in held:
            self._take(received)
        self._is_holding = False

    async def _begin_anew(self, log: Log) -> Log:
        """The stream has lost its end, or is another one. What a server new to us has added to it is new as well."""
        self._complaints.add("redis_control_lost", reason="the stream was lost")
        is_new_server, incarnation = log.incarnation != self._incarnation, log.incarnation
        self._last = NEVER
        entries: list[tuple[bytes, list[bytes]]] = []
        while (log := await self._read(after(self._last), PAGE_SIZE)).entries:
            entries += [entry for entry in log.entries if is_new_server and entry[1][3] == incarnation]
            self._last = id_of(log.entries[-1][0])
        for _, fields in entries:
            self._deliver(fields[1])
        return log

    async def _read(self, since: str, limit: int) -> Log:
        call = Call(CONTROL_MISSED, self.slot, (self._log,), (since, limit), is_repeatable=True)
        incarnation, oldest, top, entries = await self._buses.call(call)
        return Log(incarnation, id_of(oldest), id_of(top), entries)

    def _take(self, received: Received) -> None:
        if received.id > self._last:
            self._last = received.id
            self._deliver(received.message)


def id_of(raw: bytes) -> Id:
    milliseconds, _, number = raw.partition(b"-")
    return int(milliseconds), int(number)


def after(last: Id) -> str:
    """As XRANGE begins behind an id."""
    return f"({last[0]}-{last[1]}"
