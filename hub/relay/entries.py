"""One event in the outbox."""

from __future__ import annotations

from msgspec import Struct


class OutboxEntry(Struct, frozen=True, gc=False):
    """`id` is UUIDv7 text: entries sort by when they were made, and it is the publication's idempotency key."""

    id: str
    channel: str
    data: bytes

    @property
    def memory_bytes(self) -> int:
        return len(self.data) + 512
