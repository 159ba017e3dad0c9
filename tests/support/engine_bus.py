"""Several nodes on one engine in one process: what Redis is to a cluster, without Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.engine import Engine, History, HistoryQuery, PublishOutcome
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hub.clock import Clock
    from hub.engine import EngineListener, NodeInfo, PresenceStats, PublishOptions
    from hub.protocol.messages import ClientInfo, Publication, StreamPosition


class EngineBus:
    """The store that the nodes share.

    Attributes:
        loses_control: control messages reach nobody, and nobody is told so.
        is_down: every call that would leave the node fails.
    """

    def __init__(self, clock: Clock) -> None:
        self.inner = MemoryEngine(clock)
        self.inner.bind(self)
        self.nodes: list[NodeEngine] = []
        self.loses_control = False
        self.is_down = False

    def node(self) -> NodeEngine:
        """An engine for one more node."""
        node = NodeEngine(self)
        self.nodes.append(node)
        return node

    def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:
        for node in self.nodes:
            if channel in node.subscribed:
                node.listener.on_publication(channel, publication, position)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        for node in self.nodes:
            if channel in node.subscribed:
                node.listener.on_join(channel, info)

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        for node in self.nodes:
            if channel in node.subscribed:
                node.listener.on_leave(channel, info)

    def on_control(self, message: bytes) -> None:
        """The nodes' own way: they know to whom a message goes."""

    def on_lapse(self) -> None:
        """A store does not lapse; nodes do."""

    def hand_over(self, message: bytes, uid: str) -> None:
        """A control message to every node, or to the one that has announced itself with this uid."""
        for node in self.nodes:
            if not self.loses_control and uid in ("", node.uid):
                node.listener.on_control(message)


class NodeEngine(Engine):
    """Implements `hub.engine.Engine` for one of the nodes."""

    listener: EngineListener

    def __init__(self, bus: EngineBus) -> None:
        self._bus = bus
        self.uid = ""
        self.subscribed: set[str] = set()

    @property
    def _store(self) -> MemoryEngine:
        if self._bus.is_down:
            raise EngineUnavailable
        return self._bus.inner

    def bind(self, listener: EngineListener) -> None:
        self.listener = listener

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        return await self._store.publish(channel, publication, options)

    async def publish_many(
        self, channel: str, entries: Sequence[tuple[Publication, PublishOptions]]
    ) -> list[PublishOutcome]:
        return await self._store.publish_many(channel, entries)

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        await self._store.publish_join(channel, info)

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        await self._store.publish_leave(channel, info)

    async def history(self, channel: str, query: HistoryQuery) -> History:
        return await self._store.history(channel, query)

    async def remove_history(self, channel: str) -> None:
        await self._store.remove_history(channel)

    async def add_presence(self, channel: str, client_id: str, info: ClientInfo, ttl_s: float) -> None:
        await self._store.add_presence(channel, client_id, info, ttl_s)

    async def remove_presence(self, channel: str, client_id: str, user: str) -> None:
        await self._store.remove_presence(channel, client_id, user)

    async def presence(self, channel: str) -> Mapping[str, ClientInfo]:
        return await self._store.presence(channel)

    async def presence_stats(self, channel: str) -> PresenceStats:
        return await self._store.presence_stats(channel)

    async def subscribe(self, channel: str) -> None:
        self.subscribed.add(channel)
        await self._store.subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        self.subscribed.discard(channel)
        if not any(channel in node.subscribed for node in self._bus.nodes):
            await self._store.unsubscribe(channel)

    async def control(self, message: bytes, node: str = "") -> None:
        await self._store.control(message, node)  # which fails when it is down
        self._bus.hand_over(message, node)

    async def announce(self, node: NodeInfo) -> None:
        self.uid = node.uid
        await self._store.announce(node)

    async def nodes(self) -> list[NodeInfo]:
        return await self._store.nodes()
