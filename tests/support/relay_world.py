"""A hub whose engine answers as the test says, and what sources publish on it."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from msgspec import Raw

from hub.clock import SystemClock
from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engine import HistoryQuery, PublishOptions, PublishOutcome
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable
from hub.hub import Hub
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.intake import Intake
from hub.supervisor import Supervisor
from tests.support.patience import PATIENCE_S, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from hub.protocol.messages import Publication
    from hub.relay.source import Source

CHANNELS = ChannelConfig(without_namespace=ChannelOptions(history_size=1_000_000, history_ttl_s=3_600))
ROUTING = RoutingConfig(routes=(RouteConfig(channels=("{data.key}",)),))
"""Bodies look like {"key": <channel>, "seq": 1}."""


class FitfulEngine(MemoryEngine):
    """Answers, or gives no answer, or takes its time: as the test says."""

    def __init__(self, clock: SystemClock) -> None:
        super().__init__(clock)
        self.is_down = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.num_calls = 0

    async def publish_many(
        self, channel: str, entries: Sequence[tuple[Publication, PublishOptions]]
    ) -> list[PublishOutcome]:
        self.num_calls += 1
        await self.gate.wait()
        if self.is_down:
            raise EngineUnavailable("down")
        return await super().publish_many(channel, entries)


class RelayHub:
    """Engine, hub and intake, and what has arrived there.

    Attributes:
        patience_s: how long `has_seqs` waits, unless told.
    """

    patience_s: float = 3 * PATIENCE_S

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.engine = FitfulEngine(self.clock)
        self.hub = Hub(HubConfig(channel=CHANNELS), self.engine, self.clock)
        self.intake = Intake(self.hub)

    async def bodies(self, channel: str) -> list[Any]:
        """What was published to the channel, in its order."""
        history = await self.engine.history(channel, HistoryQuery(limit=-1))
        return [json.loads(_text(publication)) for publication in history.publications]

    async def seqs(self, channel: str) -> list[int]:
        return [body["seq"] for body in await self.bodies(channel)]

    async def has_seqs(self, channel: str, seqs: Sequence[int], within_s: float = 0) -> None:
        """Wait until these are there, and see that there are no others, in this order."""
        expected = list(seqs)

        async def check() -> bool:
            return len(await self.seqs(channel)) >= len(expected)

        await eventually(check, within_s or self.patience_s)
        assert await self.seqs(channel) == expected


class RelayWorld(RelayHub):
    """Several sources of one world are like the sources of several nodes."""

    @asynccontextmanager
    async def running(self, *sources: Source) -> AsyncIterator[None]:
        """With sources that receive."""
        async with Supervisor() as supervisor:
            for number, source in enumerate(sources):
                supervisor.start(f"source {number}", source.run())
            await eventually(lambda: all(source.health().is_attached for source in sources))
            yield


def _text(publication: Publication) -> bytes:
    assert isinstance(publication.data, Raw), "none was published without data"
    return bytes(publication.data)
