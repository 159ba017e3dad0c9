"""LISTEN on a connection of its own, which is asked every few seconds whether it is still there.

A connection that died silently would never notify again, and nobody would know: there is nothing to read on it anyway.
"""

from __future__ import annotations

import asyncio
import logging
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from storage.postgres_errors import Verdict, verdict_on

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.notifications import OnNotification

    Connection = asyncpg.Connection[asyncpg.Record]

logger = logging.getLogger(__name__)

ASK_EVERY_S: Final = 5.0
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 10.0


class PostgresNotifications:
    """Implements Notifications. Not through a PgBouncer in transaction mode: what it listens to there is nobody's."""

    def __init__(self, url: str, options: dict[str, Any]) -> None:
        """Args: options: of `asyncpg.connect`, deadlines among them."""
        self._url = url
        self._options = options
        self.num_received = self.num_connects = 0
        self.is_listening = False

    def measures(self) -> dict[str, float]:
        return {
            "notifications_received": self.num_received,
            "notifications_is_listening": self.is_listening,
        }

    async def run(self, channel: str, on_notification: OnNotification) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            num_connects = self.num_connects
            try:
                await self._listen(channel, on_notification)
            except Exception as exc:
                if verdict_on(exc) is Verdict.BUG:
                    logger.exception("notifications_failed")
            if self.num_connects > num_connects:
                logger.warning("notifications_lost", extra={"channel": channel})
                pause_s = FIRST_PAUSE_S
            await asyncio.sleep(random.uniform(pause_s / 2, pause_s))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _listen(self, channel: str, on_notification: OnNotification) -> None:
        """Until the connection fails."""

        def receive(_connection: object, _pid: int, _channel: str, payload: object) -> None:
            self.num_received += 1
            on_notification(str(payload))

        async with self._connected() as connection:
            is_over = asyncio.Event()
            connection.add_termination_listener(lambda _: is_over.set())
            await connection.add_listener(channel, receive)
            self.num_connects += 1
            self.is_listening = True
            on_notification("")
            while not await _waited(is_over, ASK_EVERY_S):
                await connection.execute("SELECT 1")

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Connection]:
        """A connection, cut at the end: a server that does not answer would not say goodbye either."""
        connection = await asyncpg.connect(self._url, **self._options)
        try:
            yield connection
        finally:
            self.is_listening = False
            connection.terminate()


async def _waited(event: asyncio.Event, seconds: float) -> bool:
    """Whether it happened in this time."""
    try:
        async with asyncio.timeout(seconds):
            return await event.wait()
    except TimeoutError:
        return False
