"""Keeps the presence leases of this node's clients alive.

Each connection says on its own deadline that its leases are due; one task renews them, so the engine sees a steady
trickle and not a burst per interval. A node that dies stops renewing, and its clients vanish when their leases end.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.hub import Hub
    from hub.subscriptions import Subscription

logger = logging.getLogger(__name__)


class PresenceLeases:
    """The leases of this node. Bound: a connection waits for renewal at most once."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._due: dict[Connection, None] = {}
        self._wake = asyncio.Event()
        self.failures = 0

    async def add(self, subscription: Subscription) -> None:
        """Begin or renew the lease of one subscription."""
        connection = subscription.connection
        ttl_s = self._hub.config.client.presence_ttl_s
        channel = subscription.channel.name
        await self._hub.engine.add_presence(channel, connection.client_id, subscription.client_info(), ttl_s)

    def renew_soon(self, connection: Connection) -> None:
        self._due[connection] = None
        self._wake.set()

    async def run(self) -> None:
        """Renew what is due; the supervisor's task."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            due, self._due = self._due, {}
            for connection in due:
                await self._renew(connection)
                await asyncio.sleep(0)

    async def _renew(self, connection: Connection) -> None:
        try:
            for subscription in list(connection.subscriptions.values()):
                if subscription.has_presence and not subscription.has_left():
                    await self.add(subscription)
                    if subscription.has_left():
                        await self._withdraw(subscription)
        except EngineUnavailable:
            # The next renewal comes before the lease ends (presence_ttl is above twice the interval).
            self.failures += 1
            logger.warning("presence_renewal_failed", extra={"client": connection.client_id})

    async def _withdraw(self, subscription: Subscription) -> None:
        """It was ended while its lease was renewed, which may have undone the removal."""
        connection, name = subscription.connection, subscription.channel.name
        successor = connection.subscriptions.get(name)
        if successor is None or not successor.has_presence:
            await self._hub.engine.remove_presence(name, connection.client_id, connection.user)
