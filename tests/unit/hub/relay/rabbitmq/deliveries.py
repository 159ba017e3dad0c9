"""Deliveries without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from aiormq import spec
from aiormq.abc import DeliveredMessage
from pamqp.header import ContentHeader

if TYPE_CHECKING:
    from aiormq.abc import AbstractChannel


def delivery(
    tag: int = 1,
    body: bytes = b"{}",
    *,
    exchange: str = "events",
    routing_key: str = "order.made",
    headers: dict[str, Any] | None = None,
    **properties: Any,
) -> DeliveredMessage:
    return DeliveredMessage(
        delivery=spec.Basic.Deliver("consumer", tag, False, exchange, routing_key),
        header=ContentHeader(properties=spec.Basic.Properties(headers=headers, **properties), body_size=len(body)),
        body=body,
        channel=cast("AbstractChannel", None),  # nothing here looks at it
    )
