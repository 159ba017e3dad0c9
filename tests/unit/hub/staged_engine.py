"""A memory engine of which the test holds up, or fails, the calls it names."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from hub.engine import History, HistoryQuery, PublishOptions, PublishOutcome
    from hub.protocol.messages import ClientInfo, Publication


class StagedEngine(MemoryEngine):
    """Implements `hub.engine.Engine`. What is held up has no effect before it is let go.

    Attributes:
        failing: calls, as (method, channel), that find the store gone.
        done: calls that have had their effect, in that order.
    """

    failing: set[tuple[str, str]]
    done: list[tuple[str, str]]
    _held: dict[tuple[str, str], asyncio.Event]

    def stage(self) -> StagedEngine:
        self.failing, self.done, self._held = set(), [], {}
        return self

    def hold(self, method: str, channel: str) -> asyncio.Event:
        """Hold up such calls until the event is set."""
        gate = self._held[method, channel] = asyncio.Event()
        return gate

    async def _enter(self, method: str, channel: str) -> None:
        gate = self._held.get((method, channel))
        if gate is not None:
            await gate.wait()
        if (method, channel) in self.failing:
            raise EngineUnavailable
        self.done.append((method, channel))

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        await self._enter("publish", channel)
        return await super().publish(channel, publication, options)

    async def publish_join(self, channel: str, info: ClientInfo) -> None:
        await self._enter("publish_join", channel)
        await super().publish_join(channel, info)

    async def publish_leave(self, channel: str, info: ClientInfo) -> None:
        await self._enter("publish_leave", channel)
        await super().publish_leave(channel, info)

    async def history(self, channel: str, query: HistoryQuery) -> History:
        await self._enter("history", channel)
        return await super().history(channel, query)

    async def add_presence(self, channel: str, client_id: str, info: ClientInfo, ttl_s: float) -> None:
        await self._enter("add_presence", channel)
        await super().add_presence(channel, client_id, info, ttl_s)

    async def remove_presence(self, channel: str, client_id: str, user: str) -> None:
        await self._enter("remove_presence", channel)
        await super().remove_presence(channel, client_id, user)

    async def subscribe(self, channel: str) -> None:
        await self._enter("subscribe", channel)
        await super().subscribe(channel)

    async def unsubscribe(self, channel: str) -> None:
        await self._enter("unsubscribe", channel)
        await super().unsubscribe(channel)
