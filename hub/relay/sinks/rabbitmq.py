"""The carrier to an exchange of RabbitMQ: an event is taken when the broker has confirmed it and routed it to a queue.

Imports the driver: import this where RabbitMQ is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.relay.carrier import CarrierUnavailable, LaneBlocked
from hub.relay.rabbitmq.failures import INVALID, NACKED, RETURNED, PublishFailed
from hub.relay.rabbitmq.letters import Letter
from hub.relay.sinks.cloud_event import attributes_of, filled, tag_headers, trace_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.relay.entries import OutboxEntry
    from hub.relay.rabbitmq.publisher import RabbitPublisher

PREFIX: Final = "cloudEvents:"
"""Of attributes among the application properties: CloudEvents' AMQP binding."""


class RabbitCarrier:
    """Implements Carrier. One letter of a key at a time, because what a queue refuses does not hold back the next.

    Args:
        routing_key: a template that has been checked.
        source: of the CloudEvents.
    """

    def __init__(self, publisher: RabbitPublisher, exchange: str, routing_key: str, source: str) -> None:
        self._publisher = publisher
        self._exchange = exchange
        self._routing_key = routing_key
        self._source = source

    async def carry(self, entries: Sequence[OutboxEntry]) -> list[str | None]:
        try:
            await self._publisher.publish(self.letter(entries[0]))
        except PublishFailed as exc:
            if exc.reason == INVALID:
                return [str(exc)]
            if exc.reason in (NACKED, RETURNED):
                raise LaneBlocked(str(exc)) from exc
            raise CarrierUnavailable(str(exc)) from exc
        return [None]

    def letter(self, entry: OutboxEntry) -> Letter:
        """The entry as it is sent; the same at every attempt."""
        attributes = attributes_of(entry, self._source)
        content_type = attributes.pop("datacontenttype")
        headers = {PREFIX + name: value for name, value in attributes.items()}
        return Letter(
            exchange=self._exchange,
            routing_key=filled(self._routing_key, entry),
            body=entry.data,
            message_id=entry.id,
            headers={**headers, **trace_headers(entry), **tag_headers(entry)},
            content_type=content_type,
        )
