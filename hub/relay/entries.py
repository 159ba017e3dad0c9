"""One event in the outbox."""

from __future__ import annotations

import hashlib
from typing import Final

from msgspec import Struct

HUB: Final = ""
"""The destination of what is for subscribers; others are names of sinks."""

NUM_PARTS: Final = 16


class OutboxEntry(Struct, frozen=True, gc=False):
    """An event with where it goes, and what must go before it.

    Attributes:
        id: UUID text. Entries made by one process sort by it.
        data: one JSON value.
        destination: HUB, or the name of a sink.
        order_key: entries of one key and destination leave in their order.
        part: see `part_of`; 0 where one node has the database for itself.
        tags: of the publication.
        headers: attributes of a CloudEvent, and whatever else the destination goes by.
        idempotency_key: what a repeat is known by.
        after: the id of the entry of the same key that was still in the table when this one was added; "" for none, and
            where one node has the database for itself.
        made_at_s: when it was added, on this node's monotonic clock; 0 when it was found in the table.
        copies: the same event for other destinations, in rows of their own.
    """

    id: str
    channel: str
    data: bytes
    destination: str = HUB
    order_key: str = ""
    part: int = 0
    tags: dict[str, str] | None = None
    headers: dict[str, str] | None = None
    idempotency_key: str = ""
    after: str = ""
    made_at_s: float = 0.0
    copies: tuple[OutboxEntry, ...] = ()

    @property
    def lane(self) -> str:
        """What its order is kept in."""
        return self.order_key or self.channel

    @property
    def key(self) -> str:
        """The idempotency key of its publication."""
        return self.idempotency_key or self.id

    @property
    def memory_bytes(self) -> int:
        return len(self.data) + 768


def part_of(order_key: str) -> int:
    """Which part of the outbox a key belongs to; `syncline_publish` in the database says the same."""
    return hashlib.sha256(order_key.encode()).digest()[0] >> 4
