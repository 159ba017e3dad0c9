"""What is new on this node, published to those who watch: figures each second, log lines and traces twice a second.

It follows no trace of its own and writes no line about what it publishes, or each would make the next.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final

import msgspec
from msgspec import Raw

from hub.complaints import QuietLog
from hub.errors import EngineUnavailable
from hub.tracing import CURRENT, UNSAMPLED
from services.operations.channels import LOGS, OVERVIEW, TRACES

if TYPE_CHECKING:
    from collections.abc import Coroutine, Sequence

    from services.operations.local_node import LocalNode
    from services.operations.overview import OverviewMeter
    from services.operations.watching import Watching

logger = logging.getLogger(__name__)

TICK_S: Final = 0.5
OVERVIEW_INTERVAL_S: Final = 1.0
SLACK_S: Final = 0.1
"""A tick may come a little early; the next one would make the interval half as long again."""

MAX_ENTRIES: Final = 200
MAX_BATCH_BYTES: Final = 256 * 1024
"""Of one publication; a watcher's outbox takes four of them before it counts as slow."""


class LiveFeed:
    """Publishes while anything is watched. `measures` say what came of it."""

    def __init__(self, local: LocalNode, meter: OverviewMeter, watching: Watching) -> None:
        self._local = local
        self._hub = local.hub
        self._meter = meter
        self._watching = watching
        self._overview_at_s = 0.0
        self._quiet = QuietLog(logger, local.hub.clock)
        self.num_published = 0
        self.num_failed = 0
        self.num_left_out = 0

    def tasks(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        return [("operations.feed", self.run())]

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name."""
        return {
            "ops_watchers": self._watching.num_watchers,
            "ops_watchers_untold": self._watching.num_untold,
            "ops_batches_published": self.num_published,
            "ops_batches_failed": self.num_failed,
            "ops_entries_left_out": self.num_left_out,
        }

    async def run(self) -> None:
        """Publish until cancelled; asleep while nobody watches. The supervisor's task."""
        CURRENT.set(UNSAMPLED)
        while True:
            await self._watching.began()
            self._forget()
            while self._watching.topics():
                try:
                    await self.publish_what_is_new()
                except EngineUnavailable:
                    self.num_failed += 1  # what it held is lost to those who watch; it is still in memory
                except Exception:  # a line that cannot be told must not end the node
                    self.num_failed += 1
                    if self._quiet.next_line("live_feed_failed") is not None:
                        logger.exception("live_feed_failed")
                await asyncio.sleep(TICK_S)

    async def publish_what_is_new(self) -> None:
        """One round.

        Raises:
            EngineUnavailable
        """
        await self._watching.renew()
        topics, now_s = self._watching.topics(), self._hub.clock.monotonic_s()
        if "overview" in topics and now_s - self._overview_at_s >= OVERVIEW_INTERVAL_S - SLACK_S:
            self._overview_at_s = now_s
            await self._publish(OVERVIEW, self._meter.read())
        if "logs" in topics:
            await self._publish_lines()
        if "traces" in topics:
            await self._publish_traces()

    def _forget(self) -> None:
        """What was written while nobody watched is not new to who comes now: it is asked for over REST."""
        if self._local.logs is not None:
            self._local.logs.take_new()
        if self._local.traces is not None:
            self._local.traces.take_changed()

    async def _publish_lines(self) -> None:
        lines, dropped = ([], 0) if self._local.logs is None else self._local.logs.take_new()
        told, left_out = fitting(self._local.named(lines))
        self.num_left_out += left_out
        if told or dropped or left_out:
            await self._publish(LOGS, {"lines": told, "dropped": dropped + left_out})

    async def _publish_traces(self) -> None:
        changed = [] if self._local.traces is None else self._local.traces.take_changed()
        told, left_out = fitting(changed)
        self.num_left_out += left_out
        if told:
            await self._publish(TRACES, {"traces": told})

    async def _publish(self, channel: str, what: object) -> None:
        await self._hub.publish(channel, msgspec.json.encode(what))
        self.num_published += 1


def fitting(entries: Sequence[object]) -> tuple[list[Raw], int]:
    """The newest entries that one publication may hold, encoded, oldest first; and how many are left out."""
    told: list[Raw] = []
    num_bytes = 0
    for entry in reversed(entries[-MAX_ENTRIES:]):
        encoded = msgspec.json.encode(entry)
        num_bytes += len(encoded)
        if num_bytes > MAX_BATCH_BYTES:
            break
        told.append(Raw(encoded))
    return told[::-1], len(entries) - len(told)
