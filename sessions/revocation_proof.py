"""A node that would not hear of a session's end does not keep its connections."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from hub.protocol import codes

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.hub import Hub

logger = logging.getLogger(__name__)

MAX_UNPROVEN_S: Final = 30.0

LOOK_INTERVAL_S: Final = 1.0


class RevocationProof:
    """Sends connections with a session away while neither the database nor the other nodes can be heard.

    A node that is cut off from both serves rights that may have ended elsewhere. Each alone is enough: what one says
    the other would have said. Connections without a session have no end that could be missed.

    Args:
        read_age_s: seconds since the database was last asked what has ended.
        told_age_s: seconds since a message of another node could have come; always 0 where there are no others.
    """

    def __init__(self, hub: Hub, read_age_s: Callable[[], float], told_age_s: Callable[[], float]) -> None:
        self._hub = hub
        self._read_age_s = read_age_s
        self._told_age_s = told_age_s
        self.sent_away = 0

    async def run(self) -> None:
        """Look every second; the supervisor's task."""
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            if min(self._read_age_s(), self._told_age_s()) > MAX_UNPROVEN_S:
                self._send_away()

    def _send_away(self) -> None:
        """To another node, which may be better placed; their clients come back by themselves."""
        everybody = self._hub.registry.by_client.values()
        unproven = [each for each in everybody if each.session is not None and not each.is_over()]
        for connection in unproven:
            connection.close(codes.SHUTDOWN)
        if unproven:
            self.sent_away += len(unproven)
            logger.warning("revocation_unproven", extra={"connections": len(unproven)})

    def measures(self) -> dict[str, float]:
        """Counters, by name."""
        return {"sessions_unproven_sent_away": self.sent_away}
