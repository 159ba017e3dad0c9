"""A memory engine whose answers, and whose announcements to the node, take as long as the test says.

It stands for an engine behind a network: between a call, its effect and its answer anything may happen; an announcement
may be on its way while the stream has moved on, or get lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from hub.engine import Engine, History, HistoryQuery, PublishOutcome
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping, Sequence

    from hub.clock import Clock
    from hub.engine import EngineListener, NodeInfo, PresenceStats, PublishOptions
    from hub.protocol.messages import ClientInfo, Publication, StreamPosition

_Result = TypeVar("_Result")


class Announcement(NamedTuple):
    """A publication on its way to the node."""

    channel: str
    publication: Publication
    position: StreamPosition | None


class Reading(NamedTuple):
    """What a stream was at the moment it was read."""

    top: int
    epoch: str
    kept: list[int]


class GatedEngine(Engine):
    """Implements `hub.engine.Engine` around a MemoryEngine.

    Attributes:
        is_gated: calls stop before and after their effect, until `pass_one` lets them go on.
        is_lagging: announcements wait for `announce_one`.
        is_down: every call fails.
        readings: the last stream each task has read, by the task's name and channel.
        overtaken: channels that were read while announcements of theirs were on the way.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.inner = MemoryEngine(clock)
        self.is_gated = False
        self.is_lagging = False
        self.is_down = False
        self.waiting: list[asyncio.Future[None]] = []
        self.on_the_way: deque[Announcement] = deque()
        self.readings: dict[tuple[str, str], Reading] = {}
        self.overtaken: set[str] = set()
        self.subscribed: set[str] = set()
        self._listener: EngineListener

    # --- what the test does -----------------------------------------------------------------------------------------

    def pass_one(self, number: int = 0) -> None:
        """Let one of the waiting calls take its next step."""
        if self.waiting:
            self.waiting.pop(number % len(self.waiting)).set_result(None)

    def announce_one(self) -> None:
        if self.on_the_way:
            self._listener.on_publication(*self.on_the_way.popleft())

    def lose_one(self) -> Announcement | None:
        """The oldest announcement never arrives."""
        return self.on_the_way.popleft() if self.on_the_way else None

    async def start_over(self) -> None:
        """The store is lost: nothing is kept, and streams get new epochs."""
        self.inner = MemoryEngine(self._clock)
        self.inner.bind(self)
        for channel in self.subscribed:
            await self.inner.subscribe(channel)

    # --- what the inner engine tells: EngineListener ----------------------------------------------------------------

    def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:
        announcement = Announcement(channel, publication, position)
        if self.is_lagging or self.on_the_way:
            self.on_the_way.append(announcement)
        else:
            self._listener.on_publication(*announcement)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        self._listener.on_join(channel, info)

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        self._listener.on_leave(channel, info)

    def on_control(self, message: bytes) -> None:
        self._listener.on_control(message)

    def on_lapse(self) -> None:
        self._listener.on_lapse()

    # --- what the node calls: Engine --------------------------------------------------------------------------------

    def bind(self, listener: EngineListener) -> None:
        self._listener = listener
        self.inner.bind(self)

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        self._require_up()
        return await self.inner.publish(channel, publication, options)

    async def publish_many(
        self, channel: str, entries: Sequence[tuple[Publication, PublishOptions]]
    ) -> list[PublishOutcome]:
        return [await self.publish(channel, publication, options) for publication, options in entries]

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        await self._gated(self.inner.publish_join(channel, info))

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        await self._gated(self.inner.publish_leave(channel, info))

    async def history(self, channel: str, query: HistoryQuery) -> History:
        return await self._gated(self._read(channel, query))

    async def remove_history(self, channel: str) -> None:
        await self.inner.remove_history(channel)

    async def add_presence(self, channel: str, client_id: str, info: ClientInfo, ttl_s: float) -> None:
        await self._gated(self.inner.add_presence(channel, client_id, info, ttl_s))

    async def remove_presence(self, channel: str, client_id: str, user: str) -> None:
        await self._gated(self.inner.remove_presence(channel, client_id, user))

    async def presence(self, channel: str) -> Mapping[str, ClientInfo]:
        return await self._gated(self.inner.presence(channel))

    async def presence_stats(self, channel: str) -> PresenceStats:
        return await self._gated(self.inner.presence_stats(channel))

    async def subscribe(self, channel: str) -> None:
        await self._gated(self._subscribe(channel))

    async def unsubscribe(self, channel: str) -> None:
        await self._gated(self._unsubscribe(channel))

    async def control(self, message: bytes, node: str = "") -> None:
        await self._gated(self.inner.control(message, node))

    async def announce(self, node: NodeInfo) -> None:
        self._require_up()
        await self.inner.announce(node)

    async def nodes(self) -> list[NodeInfo]:
        self._require_up()
        return await self.inner.nodes()

    # --- within -----------------------------------------------------------------------------------------------------

    async def _gated(self, call: Coroutine[Any, Any, _Result]) -> _Result:
        try:
            await self._gate()
        except BaseException:
            call.close()
            raise
        result = await call
        await self._gate()
        return result

    async def _gate(self) -> None:
        self._require_up()
        if self.is_gated:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self.waiting.append(future)
            try:
                await future
            finally:
                if future in self.waiting:
                    self.waiting.remove(future)
            self._require_up()

    def _require_up(self) -> None:
        if self.is_down:
            raise EngineUnavailable

    async def _read(self, channel: str, query: HistoryQuery) -> History:
        history = await self.inner.history(channel, query)
        whole = await self.inner.history(channel, HistoryQuery(limit=-1, meta_ttl_s=query.meta_ttl_s))
        if any(announcement.channel == channel for announcement in self.on_the_way):
            self.overtaken.add(channel)
        task = asyncio.current_task()
        assert task is not None, "a node calls from its tasks"
        kept = [publication.offset for publication in whole.publications]
        top = history.position
        self.readings[task.get_name(), channel] = Reading(top.offset, top.epoch, kept)
        return history

    async def _subscribe(self, channel: str) -> None:
        self.subscribed.add(channel)
        await self.inner.subscribe(channel)

    async def _unsubscribe(self, channel: str) -> None:
        """What is on its way to nobody does not arrive."""
        self.subscribed.discard(channel)
        self.on_the_way = deque(waiting for waiting in self.on_the_way if waiting.channel != channel)
        await self.inner.unsubscribe(channel)
