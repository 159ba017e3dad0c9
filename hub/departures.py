"""What must be given up after a subscription has ended: its presence, its leave, the node's interest in the channel.

A client's own unsubscribe waits for that. When the server ends a subscription (expiry, insufficient state) nobody
waits, so the rest is queued for one task. Bound: at most two entries per subscription that existed.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from typing import TYPE_CHECKING

from hub.errors import EngineUnavailable
from hub.interest import detach

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from hub.connection import Connection
    from hub.hub import Hub
    from hub.subscriptions import Subscription

logger = logging.getLogger(__name__)


class Departures:
    """Ended subscriptions whose traces are still to be removed, oldest first."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._queue: deque[tuple[Subscription, asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()
        self.failures = 0

    @property
    def num_waiting(self) -> int:
        return len(self._queue)

    def add(self, subscription: Subscription) -> None:
        """Queue the rest of a departure; a new subscription of this client to the channel waits for it."""
        self._queue.append((subscription, self._announce(subscription)))
        self._wake.set()

    async def settled(self, connection: Connection, channel: str) -> None:
        """Wait until earlier subscriptions of this client to the channel are gone for good."""
        while connection.departing is not None and channel in connection.departing:
            await asyncio.shield(connection.departing[channel][0])

    async def finish(self, subscription: Subscription) -> None:
        """Remove the traces now. A trace that the engine does not let go of ends by its lease."""
        await self._finish(subscription, self._announce(subscription))

    async def run(self) -> None:
        """Finish queued departures; the supervisor's task."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                await self._finish(*self._queue.popleft())
                await asyncio.sleep(0)

    def _announce(self, subscription: Subscription) -> asyncio.Future[None]:
        connection = subscription.connection
        if connection.departing is None:
            connection.departing = {}
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # A subscription that was ended while it joined departs twice: when it is ended, and when its join finds out.
        connection.departing.setdefault(subscription.channel.name, []).append(done)
        return done

    async def _finish(self, subscription: Subscription, done: asyncio.Future[None]) -> None:
        hub, channel, connection = self._hub, subscription.channel, subscription.connection
        try:
            if subscription.has_presence:
                await self._attempt(hub.engine.remove_presence(channel.name, connection.client_id, connection.user))
            if subscription.is_announced:
                await self._attempt(hub.engine.publish_leave(channel.name, subscription.client_info()))
            await self._attempt(detach(hub, channel))
        finally:
            self._settle(connection, channel.name, done)

    async def _attempt(self, step: Awaitable[None]) -> None:
        """One step; its failure is counted and keeps no other from being tried."""
        try:
            await step
        except EngineUnavailable:
            self.failures += 1
            logger.warning("departure_unfinished")

    @staticmethod
    def _settle(connection: Connection, channel: str, done: asyncio.Future[None]) -> None:
        assert connection.departing is not None, "it was announced"
        departing = connection.departing[channel]
        departing.remove(done)
        if not departing:
            del connection.departing[channel]
        if not connection.departing:
            connection.departing = None
        done.set_result(None)
