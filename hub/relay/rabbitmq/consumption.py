"""Consuming one queue over one link, from the declaration to the last acknowledgement.

Everything here belongs to one channel and dies with it: a delivery tag means nothing to the next one. What was not
acknowledged is delivered again, in its order, and the keys of what was published meanwhile make that harmless.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from hub.relay.message_traces import MessageTraces
from hub.relay.rabbitmq.arrivals import Arrivals
from hub.relay.rabbitmq.burial import Burial, Corpse
from hub.relay.rabbitmq.declarations import declare
from hub.relay.rabbitmq.failures import LinkLost
from hub.relay.rabbitmq.headers import headers_of, message_of
from hub.relay.rabbitmq.link import call
from hub.relay.rabbitmq.race import race
from hub.relay.rabbitmq.tally import Tally
from hub.relay.rejection import Rejected
from hub.relay.routing import outcome_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiormq.abc import AbstractChannel, DeliveredMessage

    from hub.clock import Clock
    from hub.relay.delivery import Delivery
    from hub.relay.intake import Intake
    from hub.relay.rabbitmq.config import RabbitSourceConfig
    from hub.relay.rabbitmq.counts import SourceCounts
    from hub.relay.rabbitmq.link import Link
    from hub.relay.rabbitmq.publisher import RabbitPublisher
    from hub.relay.routing import Router

CONSUMER_LOOK_INTERVAL_S = 10.0
"""How often the broker is asked whether it still knows of a consumer."""


class Consumption:
    """Routes and hands over, batch after batch, so that the order of the queue is kept for every channel."""

    def __init__(
        self,
        config: RabbitSourceConfig,
        router: Router,
        intake: Intake,
        publisher: RabbitPublisher,
        clock: Clock,
        counts: SourceCounts,
    ) -> None:
        self._config = config
        self._router = router
        self._intake = intake
        self._counts = counts
        self._tally = Tally()
        self._arrivals = Arrivals(max(1, config.prefetch // 2))
        self._burial = Burial(config, publisher, clock, self._settle_buried)
        self._channel: AbstractChannel | None = None
        self._num_taken_in = 0
        self._cancelled = asyncio.Event()

    @property
    def num_in_hand(self) -> int:
        """Delivered and not acknowledged."""
        return self._num_taken_in - self._tally.num_settled

    async def open(self, link: Link) -> None:
        """Declare and begin to consume.

        Raises:
            LinkLost
        """
        await declare(await link.channel(), self._config)
        channel = self._channel = await link.channel()
        await call("limiting what is in our hands", channel.basic_qos(prefetch_count=self._config.prefetch))
        channel.on_consumer_cancel_callbacks.add(lambda _: self._cancelled.set())
        await call("consuming", channel.basic_consume(self._config.queue, self._take_in))

    async def run(self, link: Link) -> None:
        """Hand over until `close`.

        Raises:
            LinkLost: what was not acknowledged will be delivered again.
        """
        assert self._channel is not None, "open it first"
        await race(
            self._feed(),
            self._burial.run(),
            link.keep(self._channel),
            self._watch_consumer(link),
            self._notice_cancellation(),
        )
        await call("giving back what was not handed over", self._channel.close())

    def close(self) -> None:
        """Finish what is being handed over and give back the rest, in its order; then `run` ends.

        The consumer is not cancelled before: that would make another node's the active one, which would be given newer
        messages while ours are still on their way to the engine.
        """
        self._arrivals.close()

    # --- deliveries -------------------------------------------------------------------------------------------------

    async def _take_in(self, delivered: DeliveredMessage) -> None:
        self._num_taken_in += 1
        self._counts.num_received += 1
        self._counts.num_redelivered += bool(delivered.redelivered)
        await self._arrivals.add(delivered)

    async def _feed(self) -> None:
        while batch := await self._arrivals.take():
            await self._hand_over(batch)
        await self._burial.emptied()

    async def _hand_over(self, batch: list[DeliveredMessage]) -> None:
        """One batch, all of it, before the next one."""
        with MessageTraces(self._intake.traces, "rabbitmq", self._config.name) as spans:
            await self._publish(batch, spans)

    async def _publish(self, batch: list[DeliveredMessage], spans: MessageTraces) -> None:
        routed: list[DeliveredMessage] = []
        deliveries: list[Sequence[Delivery]] = []
        for delivered in batch:
            outcome = spans.begin(self._route(delivered), self._config.queue, partial(headers_of, delivered))
            if isinstance(outcome, Rejected):
                self._reject(delivered, outcome)
            else:
                routed.append(delivered)
                deliveries.append(outcome)
        verdicts = await spans.accepting(self._intake.accept_patiently)(deliveries)
        accepted: list[int] = []
        for delivered, verdict in zip(routed, verdicts, strict=True):
            if verdict is None:
                accepted.append(delivered.delivery_tag or 0)
                self._counts.note_accepted(delivered.header.properties.timestamp)
            else:
                self._reject(delivered, verdict)
        await self._settle(accepted)

    def _route(self, delivered: DeliveredMessage) -> list[Delivery] | Rejected:
        consumer = self._config.name
        return outcome_of(lambda: self._router.route(message_of(delivered)), "amqp_routing_failed", consumer=consumer)

    def _reject(self, delivered: DeliveredMessage, rejected: Rejected) -> None:
        self._counts.note_rejection(self._config.name, rejected)
        self._burial.add(Corpse(delivered, rejected))

    async def _settle_buried(self, tags: list[int]) -> None:
        self._counts.num_dead_lettered += len(tags)
        await self._settle(tags)

    async def _settle(self, tags: list[int]) -> None:
        assert self._channel is not None, "deliveries have come over it"
        for tag, is_multiple in self._tally.settle(tags):
            await call("acknowledging", self._channel.basic_ack(tag, multiple=is_multiple, wait=False))
        self._counts.num_settled += len(tags)

    # --- watches ----------------------------------------------------------------------------------------------------

    async def _notice_cancellation(self) -> None:
        await self._cancelled.wait()
        raise LinkLost("the broker has cancelled the consumer: the queue was deleted, or has moved")

    async def _watch_consumer(self, link: Link) -> None:
        """A consumer that the broker has forgotten looks like a queue where nothing comes."""
        channel = await link.channel()
        while True:
            await asyncio.sleep(CONSUMER_LOOK_INTERVAL_S)
            queue = await call("counting consumers", channel.queue_declare(self._config.queue, passive=True))
            self._counts.queue_length = queue.message_count or 0
            if not queue.consumer_count:
                raise LinkLost("the broker knows of no consumer")
