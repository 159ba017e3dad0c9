"""A message on its way to the broker."""

from __future__ import annotations

from typing import Any

from aiormq import spec
from msgspec import Struct, field

PERSISTENT = 2
MAX_SHORT_TEXT_BYTES = 255
"""Of a routing key, a message id and the name of an exchange: AMQP's short strings."""


class Letter(Struct, frozen=True, gc=False):
    """What is published, and where.

    Attributes:
        exchange: "" publishes to the queue that is called like the routing key.
        message_id: the same at every attempt; consumers know a repeat by it.
        headers: application properties. Values as AMQP has them: text, numbers, truth, lists and tables.
    """

    exchange: str
    routing_key: str
    body: bytes
    message_id: str
    headers: dict[str, Any] = field(default_factory=dict)
    content_type: str = "application/json"

    @property
    def properties(self) -> spec.Basic.Properties:
        return spec.Basic.Properties(
            content_type=self.content_type,
            headers=self.headers,
            delivery_mode=PERSISTENT,
            message_id=self.message_id,
        )
