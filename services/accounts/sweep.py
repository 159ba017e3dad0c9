"""Deletes what has had its time: spent throttle buckets, and the audit trail's failed attempts."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from hub.clock import Clock
    from services.accounts.config import AccountsConfig
    from services.accounts.throttle import Throttle
    from sessions.audit import Audit

logger = logging.getLogger(__name__)


class Sweep:
    """The sweeps of one node; several nodes may sweep at once. `num_failed` counts rounds without a database."""

    def __init__(self, throttle: Throttle, audit: Audit, config: AccountsConfig, clock: Clock) -> None:
        self._throttle = throttle
        self._audit = audit
        self._interval_s = config.throttle_sweep_interval_s
        self._retention_s = config.failed_attempt_retention_s
        self._clock = clock
        self.num_failed = 0

    async def once(self) -> None:
        """Raises StorageUnavailable."""
        await self._throttle.sweep()
        await self._audit.forget_failed(int((self._clock.now_s() - self._retention_s) * 1000))

    async def run(self) -> None:
        """Sweep for ever (a supervisor's task). Without database: the next round."""
        while True:
            await asyncio.sleep(self._interval_s)
            try:
                await self.once()
            except StorageUnavailable as exc:
                self.num_failed += 1
                logger.warning("accounts_not_swept", extra={"detail": str(exc)})
