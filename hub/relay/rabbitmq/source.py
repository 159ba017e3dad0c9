"""The source: consumes one queue for as long as the node lives, over as many connections as it takes.

At least once: a message is acknowledged after the engine has accepted everything that it became. It comes again when
the connection ends before that; then its idempotency key makes the second time a repeat.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from hub.relay.rabbitmq.consumption import Consumption
from hub.relay.rabbitmq.counts import SourceCounts
from hub.relay.rabbitmq.failures import LinkLost
from hub.relay.rabbitmq.link import open_link
from hub.relay.rabbitmq.publisher import RabbitPublisher
from hub.relay.reconnection import Pauses
from hub.relay.source import SourceHealth
from hub.tracing import CURRENT, UNSAMPLED

if TYPE_CHECKING:
    from hub.clock import Clock
    from hub.histogram import Histogram
    from hub.relay.intake import Intake
    from hub.relay.rabbitmq.config import RabbitSourceConfig
    from hub.relay.routing import Router

logger = logging.getLogger(__name__)

DRAIN_DEADLINE_S = 5.0
"""How long `stop_intake` waits for what is in flight; the broker delivers the rest to somebody else."""


class RabbitSource:
    """Implements `hub.relay.source.Source`.

    Attributes:
        publisher: takes rejected messages to the dead-letter exchange, over a connection of its own.
    """

    def __init__(self, config: RabbitSourceConfig, router: Router, intake: Intake, clock: Clock) -> None:
        self.name = config.name
        self.publisher = RabbitPublisher(config.connection, clock, name=f"{config.name}.dead")
        self._config = config
        self._router = router
        self._intake = intake
        self._clock = clock
        self._counts = SourceCounts(clock)
        self._consumption: Consumption | None = None
        self._is_stopping = False
        self._is_idle = asyncio.Event()
        self._is_idle.set()
        self._since_s = clock.monotonic_s()
        self._trouble = "not connected yet"

    async def run(self) -> None:
        """Consume until cancelled; after `stop_intake`, do nothing until cancelled."""
        CURRENT.set(UNSAMPLED)  # each message decides for itself
        async with asyncio.TaskGroup() as group:
            group.create_task(self.publisher.run())
            group.create_task(self._consume_for_ever())

    async def stop_intake(self) -> None:
        """Take nothing new, acknowledge what the engine has accepted; for good, and in 5 s at the most.

        What is still in flight then is delivered again, to another node or to this one after its restart.
        """
        self._is_stopping = True
        if self._consumption is not None:
            self._consumption.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_DEADLINE_S):
                await self._is_idle.wait()

    def measures(self) -> dict[str, float]:
        """Counters and gauges by name; always the same names."""
        counts = self._counts
        return {
            f"amqp_attached.{self.name}": self._consumption is not None,
            f"amqp_received.{self.name}": counts.num_received,
            f"amqp_redelivered.{self.name}": counts.num_redelivered,
            f"amqp_acknowledged.{self.name}": counts.num_settled,
            f"amqp_rejected.{self.name}": counts.num_rejected,
            f"amqp_dead_lettered.{self.name}": counts.num_dead_lettered,
            f"amqp_in_hand.{self.name}": self._consumption.num_in_hand if self._consumption else 0,
            f"amqp_queue_length.{self.name}": counts.queue_length,
            f"amqp_lost_links.{self.name}": counts.num_lost_links,
            **self.publisher.measures(),
        }

    def histograms(self) -> dict[str, Histogram]:
        return {f"consumer_lag_s.{self.name}": self._counts.lag_s}

    def health(self) -> SourceHealth:
        age_s = self._clock.monotonic_s() - self._since_s
        return SourceHealth(self.name, self._consumption is not None, age_s, self._trouble)

    # --- within -----------------------------------------------------------------------------------------------------

    async def _consume_for_ever(self) -> None:
        pauses = Pauses(self._clock)
        while not self._is_stopping:
            pauses.begin()
            try:
                await self._consume()
            except LinkLost as exc:
                self._note_loss(str(exc))
            except Exception as exc:  # a fault of ours or the driver's: a new connection is a new chance
                logger.exception("amqp_consumer_failed", extra={"consumer": self.name})
                self._note_loss(type(exc).__name__)
            await asyncio.sleep(pauses.next_s())

    async def _consume(self) -> None:
        """Over one connection, as long as it lasts."""
        config = self._config
        consumption = Consumption(config, self._router, self._intake, self.publisher, self._clock, self._counts)
        self._is_idle.clear()
        try:
            async with open_link(config.connection, f"syncline {self.name}") as link:
                await consumption.open(link)
                if self._is_stopping:
                    return
                self._attach(consumption)
                await consumption.run(link)
        finally:
            if self._consumption is not None:
                self._attach(None)
            self._is_idle.set()

    def _attach(self, consumption: Consumption | None) -> None:
        self._consumption = consumption
        self._since_s = self._clock.monotonic_s()
        self._trouble = ""

    def _note_loss(self, reason: str) -> None:
        self._trouble = reason
        self._counts.note_loss(self.name, reason)
