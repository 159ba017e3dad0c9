"""What a source has done, over all its connections."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hub.complaints import QuietLog
from hub.histogram import LAG_BOUNDS_S, Histogram

if TYPE_CHECKING:
    from datetime import datetime

    from hub.clock import Clock
    from hub.relay.rejection import Rejected

logger = logging.getLogger(__name__)


class SourceCounts:
    """Plain counters.

    Attributes:
        num_settled: acknowledged, because the engine has accepted them or the dead-letter queue has them.
        queue_length: messages ready in the queue, when it was last asked (every 10 s).
        lag_s: from the publisher's timestamp to acceptance, of messages that have one.
    """

    def __init__(self, clock: Clock) -> None:
        self.num_received = self.num_redelivered = self.num_settled = 0
        self.num_rejected = self.num_dead_lettered = self.num_lost_links = 0
        self.queue_length = 0
        self.lag_s = Histogram(LAG_BOUNDS_S)
        self._clock = clock
        self._log = QuietLog(logger, clock)

    def note_accepted(self, published_at: datetime | None) -> None:
        """The engine has accepted a message that its publisher says is of this moment."""
        if published_at is not None:
            self.lag_s.observe(max(0.0, self._clock.now_s() - published_at.timestamp()))

    def note_rejection(self, consumer: str, rejected: Rejected) -> None:
        self.num_rejected += 1
        self._log.warn("message_rejected", consumer=consumer, reason=rejected.reason, detail=rejected.detail)

    def note_loss(self, consumer: str, reason: str) -> None:
        self.num_lost_links += 1
        self._log.warn("amqp_consumer_lost", consumer=consumer, reason=reason)
