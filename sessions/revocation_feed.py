"""Keeps this node's Revocations in step with the database: what no message has told, a look every second does."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from hub.protocol import codes
from sessions import session_store as store
from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from hub.hub import Hub
    from sessions.revocations import Revocations
    from storage.database import Database

logger = logging.getLogger(__name__)

OVERLAP_S: Final = 30
"""How far back each look goes beyond the last: a revocation becomes visible later than its time says, by the length of
its unit of work and by how far the clocks of nodes are apart."""


class RevocationFeed:
    """Reads what has ended, remembers it and closes what is still connected.

    Without the database nothing is read, and nothing can be revoked on this node: connections stay, tokens are accepted
    until they expire. Other nodes may go on revoking, and tell; see `sessions.revocation_proof`.
    """

    def __init__(
        self, database: Database, hub: Hub, revocations: Revocations, *, token_life_s: float, interval_s: float
    ) -> None:
        self._database = database
        self._hub = hub
        self._revocations = revocations
        self._interval_s = interval_s
        self._read_up_to_s = hub.clock.now_s() - token_life_s
        self._read_at_s = hub.clock.monotonic_s()
        self.failures = 0

    async def poll(self) -> None:
        """One look.

        Raises:
            StorageUnavailable: the next look reaches back to where this one began.
        """
        now_s = self._hub.clock.now_s()
        since_s = min(self._read_up_to_s, now_s) - OVERLAP_S
        rows = await self._database.fetch(store.ENDED_SINCE, int(since_s * 1000))
        self._read_up_to_s = now_s
        self._read_at_s = monotonic_s = self._hub.clock.monotonic_s()
        for sid, revoked_ms in rows:
            self._revocations.add(sid, monotonic_s)
            self._close(sid, revoked_ms)

    def _close(self, sid: str, revoked_ms: int) -> None:
        """What no message has closed. What is still here is told how long that took."""
        late = [connection for connection in self._hub.registry.of_session(sid) if not connection.is_over()]
        for connection in late:
            connection.close(codes.SESSION_REVOKED)
        if late:
            self._hub.histograms["revocation_s"].observe(max(0.0, self._hub.clock.now_s() - revoked_ms / 1000))

    def age_s(self) -> float:
        """Seconds since the last look."""
        return self._hub.clock.monotonic_s() - self._read_at_s

    async def run(self) -> None:
        """Look again and again; the supervisor's task."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.poll()
            except StorageUnavailable:
                self.failures += 1
                logger.warning("revocations_not_read")
