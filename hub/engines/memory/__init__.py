"""The memory engine: streams, presence and idempotency keys in dictionaries, for one node.

Nouns
    MemoryEngine      the port itself: decides what a publication becomes and whom it is handed to.
    Stream, Streams   the log of one channel, and of all of them.
    OutcomeCache      where the publications of recent idempotency keys went.
    Presence          who is in which channel, each under a lease.
    Deadlines         which of these may have expired, soonest first.
    Snapshot          what survives an orderly restart: streams and idempotency keys, as bytes.

Everything below MemoryEngine is pure: the time is an argument. Nothing is visible past its TTL, swept or not; sweeping
only gives memory back. So there is no timer per channel and no work per publication to keep one up to date.

What a restart without a snapshot means: streams start over with new epochs, so no client takes a new stream for the
old one.
"""

from __future__ import annotations

from hub.engines.memory.engine import Holdings, MemoryEngine

__all__ = ["Holdings", "MemoryEngine"]
