"""Whether this node has seen all of the streams that its channels are served from, asked of the streams themselves."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from hub.deadlines import TICK_S
from hub.engine import HistoryQuery
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.hub import Hub
    from hub.protocol.messages import StreamPosition
    from hub.subscriptions import LiveChannel

logger = logging.getLogger(__name__)

LANES: Final = 32
"""Channels whose stream is asked for at the same time: an engine over a network takes a round trip each."""

CHANNELS_PER_SLICE: Final = 128
"""Channels that one lane compares before other work of the loop runs."""

GRACE_S: Final = 1.0
"""How long a publication may be under way between the stream and this node before it counts as lost."""


class PositionCheck:
    """Notices lost announcements (invariant I5): within `channel_position_check_delay` plus GRACE_S.

    One read per channel, not per client.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._missed: dict[LiveChannel, StreamPosition] = {}
        self._num_lost = 0

    async def run(self) -> None:
        """Until cancelled; the supervisor's task."""
        delay_s = max(self._hub.config.client.channel_position_check_delay_s, TICK_S)
        while True:
            await asyncio.sleep(delay_s)
            await _in_lanes(list(self._hub.index.channels.values()), self._look)
            if self._missed:
                await asyncio.sleep(GRACE_S)
                await self._confirm_missed()

    async def _confirm_missed(self) -> None:
        num_lost = self._num_lost
        await _in_lanes(list(self._missed), self._confirm)
        self._missed.clear()
        if self._num_lost > num_lost:
            logger.warning("continuity_lost", extra={"channels": self._num_lost - num_lost})

    async def _look(self, channel: LiveChannel) -> None:
        """Note the stream's top when this node has not seen it; it may be under way."""
        if not channel.has_positioned():
            return
        top, known = await self._top(channel), channel.position
        if top is None or known is None or (top.epoch == known.epoch and top.offset <= known.offset):
            return
        self._missed[channel] = top

    async def _confirm(self, channel: LiveChannel) -> None:
        """Still not seen after the grace: the announcement is not coming. What is newer may be under way again."""
        missed = self._missed[channel]
        top, known = await self._top(channel), channel.position
        if top is None or known is None:
            return
        if top.epoch != known.epoch or (missed.epoch == known.epoch and missed.offset > known.offset):
            self._num_lost += 1
            self._hub.lose_continuity(channel, top)

    async def _top(self, channel: LiveChannel) -> StreamPosition | None:
        """Where the stream stands; None when the engine does not say. Asking keeps its position for the meta TTL."""
        hub = self._hub
        query = HistoryQuery(meta_ttl_s=hub.channels.history_meta_ttl_s(channel.options))
        try:
            return (await hub.engine.history(channel.name, query)).position
        except EngineUnavailable:
            return None


async def _in_lanes(channels: list[LiveChannel], work: Callable[[LiveChannel], Awaitable[None]]) -> None:
    waiting = iter(channels)

    async def lane() -> None:
        for count, channel in enumerate(waiting, 1):
            await work(channel)
            if count % CHANNELS_PER_SLICE == 0:
                await asyncio.sleep(0)

    async with asyncio.TaskGroup() as lanes:
        for _ in range(min(LANES, len(channels))):
            lanes.create_task(lane())
