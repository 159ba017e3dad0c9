"""What we write into the headers of dead letters, and how headers of any type become text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hub.relay.message import Message

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage

REASON: Final = "x-syncline-reason"
DETAIL: Final = "x-syncline-detail"
EXCHANGE: Final = "x-syncline-exchange"
ROUTING_KEY: Final = "x-syncline-routing-key"
ATTEMPTS: Final = "x-syncline-attempts"
CONSUMER: Final = "x-syncline-consumer"
DEAD_SINCE_MS: Final = "x-syncline-dead-since-ms"

DEATHS: Final = "x-death"
DELIVERY_COUNT: Final = "x-delivery-count"
"""Deliveries before this one. Written by quorum queues."""

_ABOUT_DEATH: Final = (
    "x-syncline-",
    "x-death",
    "x-first-death-",
    "x-last-death-",
    "x-delivery-count",
    "x-acquired-count",
)


def message_of(delivered: DeliveredMessage) -> Message:
    """A delivery as routing reads it."""
    properties = delivered.header.properties
    headers = properties.headers
    return Message(
        delivered.body,
        as_text(headers) if headers else {},
        properties.content_type or "",
        properties.message_id or "",
        subject_of(delivered),
    )


def headers_of(delivered: DeliveredMessage) -> dict[str, Any]:
    """As the publisher sent them."""
    return delivered.header.properties.headers or {}


def subject_of(delivered: DeliveredMessage) -> str:
    """The routing key; of a message that was replayed, and so published to the queue itself, its first one."""
    if not delivered.exchange:
        first = (delivered.header.properties.headers or {}).get(ROUTING_KEY)
        if isinstance(first, str):
            return first
    return delivered.routing_key or ""


def attempts_of(delivered: DeliveredMessage) -> int:
    """How often the message has been delivered, this time included, as far as the queue counts it."""
    count = (delivered.header.properties.headers or {}).get(DELIVERY_COUNT)
    return count + 1 if isinstance(count, int) else 1


def as_text(headers: dict[str, Any]) -> dict[str, str]:
    """Headers that have a text: tables, lists and bytes that are no UTF-8 are left out."""
    return {name: text for name, value in headers.items() if (text := _text(value)) is not None}


def without_death(headers: dict[str, Any]) -> dict[str, Any]:
    """As the publisher sent them: without what dead-lettering added."""
    return {name: value for name, value in headers.items() if not name.startswith(_ABOUT_DEATH)}


def _text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, bytes | bytearray):
        return _decoded(bytes(value))
    return None


def _decoded(data: bytes) -> str | None:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None
