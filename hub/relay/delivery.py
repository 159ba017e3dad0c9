"""What becomes of a message: one publication in one channel."""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from hub.tracing import TraceContext


class Delivery(Struct, frozen=True, gc=False):
    """A publication that a message asks for.

    Attributes:
        data: has passed `hub.payload`.
        idempotency_key: the same whenever the message comes again; "" where nothing tells that it is the same.
        trace: what its message says of the trace it is a part of.
        idempotency_ttl_s: how long the key is remembered; 0 for as long as the hub does by itself.
    """

    channel: str
    data: Raw
    tags: dict[str, str] | UnsetType = UNSET
    idempotency_key: str = ""
    idempotency_ttl_s: float = 0
    trace: TraceContext | None = None
