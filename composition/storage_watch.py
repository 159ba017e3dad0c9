"""Knows whether the storage answers, without anybody having to wait for it."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

from composition.measures import distinct_parts
from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from storage.database import Storage

logger = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0


class StorageWatch:
    """Asks every part of the storage for a sign of life, all the time. Readiness goes by the age of the last one."""

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._parts = distinct_parts(storage)
        self._clock = clock
        self._answered_at_s = clock.monotonic_s()
        self._is_well = True

    def age_s(self) -> float:
        """Seconds since all parts have answered. A node starts with its storage open, which counts as an answer."""
        return self._clock.monotonic_s() - self._answered_at_s

    async def run(self) -> None:
        """The supervisor's task. A failure is logged when it begins and when it ends, not each second."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            try:
                for part in self._parts:
                    await part.ping()
            except StorageUnavailable as exc:
                self._note(is_well=False, detail=str(exc))
            else:
                self._answered_at_s = self._clock.monotonic_s()
                self._note(is_well=True)

    def _note(self, *, is_well: bool, detail: str = "") -> None:
        if is_well != self._is_well:
            self._is_well = is_well
            logger.warning("storage_answers_again" if is_well else "storage_unavailable", extra={"detail": detail})
