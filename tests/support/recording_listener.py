"""A node that only listens: what engine tests bind to an engine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.protocol.messages import ClientInfo, Publication, StreamPosition

PATIENCE_S = 10
"""After this long, what a test waits for is taken not to happen."""


class Delivery(NamedTuple):
    channel: str
    publication: Publication
    position: StreamPosition | None


class RecordingListener:
    """Implements `hub.engine.EngineListener`: keeps everything it is told, in order."""

    def __init__(self) -> None:
        self.publications: list[Delivery] = []
        self.joins: list[tuple[str, ClientInfo]] = []
        self.leaves: list[tuple[str, ClientInfo]] = []
        self.control_messages: list[bytes] = []
        self.lapses = 0
        self._heard_something = asyncio.Event()

    def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:
        self.publications.append(Delivery(channel, publication, position))
        self._heard_something.set()

    def on_join(self, channel: str, info: ClientInfo) -> None:
        self.joins.append((channel, info))
        self._heard_something.set()

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        self.leaves.append((channel, info))
        self._heard_something.set()

    def on_control(self, message: bytes) -> None:
        self.control_messages.append(message)
        self._heard_something.set()

    def on_lapse(self) -> None:
        self.lapses += 1
        self._heard_something.set()

    async def until(self, is_enough: Callable[[RecordingListener], bool]) -> None:
        """Wait until enough was heard; TimeoutError when that does not happen."""
        async with asyncio.timeout(PATIENCE_S):
            while not is_enough(self):
                self._heard_something.clear()
                await self._heard_something.wait()
