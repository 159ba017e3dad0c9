"""Connections that open and close, as lines of the log: so many a second of each, and one line for all the others."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.connection import Connection

logger = logging.getLogger(__name__)

OPENED: Final = "connection_opened"
CLOSED: Final = "connection_closed"
SUMMED_UP: Final = "connections_summed_up"

WINDOW_S: Final = 1.0

MAX_CODES: Final = 20
"""Close codes that a summary tells one by one; backends may close with a thousand."""

OTHER_CODES: Final = "other"


class ConnectionLog:
    """Implements `hub.observer.Observer`. Event-loop thread only.

    Args:
        max_lines_per_s: of each kind; 0 for none at all, summaries included.

    Attributes:
        num_left_out: connections that have no line of their own.
    """

    def __init__(self, clock: Clock, max_lines_per_s: int) -> None:
        self._clock = clock
        self._max_lines = max_lines_per_s
        self._num_written: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._codes: Counter[str] = Counter()
        self.num_left_out = 0

    def connected(self, connection: Connection) -> None:
        if self._may_write(OPENED):
            logger.info(OPENED, extra=_who(connection))

    def disconnected(self, connection: Connection) -> None:
        why = connection.close_reason
        code, reason = why if why is not None else (0, "")
        if self._may_write(CLOSED):
            duration_s = round(self._clock.monotonic_s() - connection.opened_at_s, 3)
            extra = {"code": code, "reason": reason, "duration_s": duration_s}
            logger.info(CLOSED, extra=_who(connection) | extra)
        elif self._max_lines:
            text = str(code)
            self._codes[text if text in self._codes or len(self._codes) < MAX_CODES else OTHER_CODES] += 1

    def published(self, connection: Connection, channel: str, data: bytes) -> None:
        """What clients publish is nobody's line."""

    async def run(self) -> None:
        """Sum up once a second what had no line, until cancelled. One task of the supervisor's."""
        while True:
            await asyncio.sleep(WINDOW_S)
            self.sum_up()

    def sum_up(self) -> None:
        """Begin the next second, and say what the last one left out."""
        left_out, codes = self._left_out, self._codes
        self._num_written, self._left_out, self._codes = Counter(), Counter(), Counter()
        if left_out:
            told = {"opened": left_out[OPENED], "closed": left_out[CLOSED], "codes": dict(codes)}
            logger.info(SUMMED_UP, extra=told)

    def measures(self) -> dict[str, float]:
        return {"connection_lines_left_out": self.num_left_out}

    def _may_write(self, kind: str) -> bool:
        if not self._max_lines or not logger.isEnabledFor(logging.INFO):
            return False
        if self._num_written[kind] < self._max_lines:
            self._num_written[kind] += 1
            return True
        self._left_out[kind] += 1
        self.num_left_out += 1
        return False


def _who(connection: Connection) -> dict[str, object]:
    told: dict[str, object] = {
        "client": connection.client_id,
        "user": connection.user,
        "transport": connection.transport.name,
    }
    if connection.session is not None:
        told["session"] = connection.session.sid
    return told
