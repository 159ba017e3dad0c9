"""What a carrier handed over, in the one form that routing reads."""

from __future__ import annotations

from msgspec import Struct


class Message(Struct, frozen=True, gc=False):
    """One message of RabbitMQ, a Redis stream, a pub/sub channel or HTTP.

    Attributes:
        headers: AMQP application properties, HTTP headers or the other fields of a stream entry, as text; their names
            as they came, in small letters where the carrier does not tell them apart.
        message_id: what the carrier or the publisher calls this message; the same when it is delivered again.
        subject: where it was published: AMQP routing key, name of the stream, pub/sub channel; "" over HTTP.
    """

    body: bytes
    headers: dict[str, str]
    content_type: str = ""
    message_id: str = ""
    subject: str = ""
