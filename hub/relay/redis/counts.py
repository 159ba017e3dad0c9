"""What a source has done, over all its connections."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from hub.complaints import QuietLog
from hub.histogram import LAG_BOUNDS_S, Histogram

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.relay.rejection import Rejected

logger = logging.getLogger(__name__)


class SourceCounts:
    """Plain counters.

    Attributes:
        num_taken_over: entries that somebody had before us and did not acknowledge; our own of a lost connection too.
        num_deleted: entries that were trimmed or deleted before anybody had acknowledged them.
        num_dropped: messages of pub/sub that nothing was made of: rejected, or more than may wait.
        num_gaps: times that messages may have been published while nobody listened.
        lag: entries that nobody has read yet, when it was last asked; by stream.
        lag_s: from a message's arrival in Redis (of a stream) or here (of pub/sub) to acceptance.
    """

    def __init__(self, consumer: str, clock: Clock) -> None:
        self._consumer = consumer
        self._clock = clock
        self.lag_s = Histogram(LAG_BOUNDS_S)
        self._log = QuietLog(logger, clock)
        self.num_received = self.num_taken_over = self.num_acknowledged = self.num_deleted = 0
        self.num_rejected = self.num_dead_letters = self.num_dead_letters_trimmed = 0
        self.num_lost_links = self.num_gaps = self.num_dropped = 0
        self.lag: dict[str, int] = {}

    def note_accepted(self, entry_id: str) -> None:
        """The engine has accepted an entry, whose id says when Redis got it; a publisher may have made up another."""
        added_ms = entry_id.partition("-")[0]
        self.lag_s.observe(max(0.0, self._clock.now_s() - int(added_ms) / 1000))

    def note_rejection(self, subject: str, rejected: Rejected) -> None:
        self.num_rejected += 1
        self._log.warn(
            "message_rejected",
            consumer=self._consumer,
            subject=subject,
            reason=rejected.reason,
            detail=rejected.detail,
        )

    def note_loss(self, reason: str) -> None:
        self.num_lost_links += 1
        self._log.warn("redis_consumer_lost", consumer=self._consumer, reason=reason)

    def note_deleted(self, stream: str, count: int) -> None:
        self.num_deleted += count
        self._log.warn("redis_entries_deleted", consumer=self._consumer, stream=stream, entries=count)

    def note_trimmed(self, stream: str, count: int) -> None:
        self.num_dead_letters_trimmed += count
        self._log.warn("redis_dead_letters_trimmed", consumer=self._consumer, stream=stream, entries=count)

    def note_gap(self) -> None:
        self.num_gaps += 1
        self._log.warn("redis_pubsub_gap", consumer=self._consumer)

    def note_dropped(self) -> None:
        self.num_dropped += 1
        self._log.warn("redis_pubsub_dropped", consumer=self._consumer)
