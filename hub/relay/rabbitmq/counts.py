"""What a source has done, over all its connections."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hub.complaints import QuietLog

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.relay.rejection import Rejected

logger = logging.getLogger(__name__)


class SourceCounts:
    """Plain counters.

    Attributes:
        num_settled: acknowledged, because the engine has accepted them or the dead-letter queue has them.
        queue_length: messages ready in the queue, when it was last asked (every 10 s).
    """

    def __init__(self, clock: Clock) -> None:
        self.num_received = self.num_redelivered = self.num_settled = 0
        self.num_rejected = self.num_dead_lettered = self.num_lost_links = 0
        self.queue_length = 0
        self._log = QuietLog(logger, clock)

    def note_rejection(self, consumer: str, rejected: Rejected) -> None:
        self.num_rejected += 1
        self._log.warn("message_rejected", consumer=consumer, reason=rejected.reason, detail=rejected.detail)

    def note_loss(self, consumer: str, reason: str) -> None:
        self.num_lost_links += 1
        self._log.warn("amqp_consumer_lost", consumer=consumer, reason=reason)
