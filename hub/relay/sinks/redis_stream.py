"""The carrier to a Redis stream: an event is taken when Redis has answered, which is as durable as that Redis is."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from hub.engines.redis.failures import ServerError
from hub.errors import EngineUnavailable
from hub.relay.carrier import CarrierUnavailable, LaneBlocked
from hub.relay.sinks.cloud_event import attributes_of, tag_headers, trace_headers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.relay.entries import OutboxEntry
    from hub.relay.redis.access import RedisAccess

    Command = tuple[str | bytes | int, ...]

PREFIX: Final = "ce-"
PAYLOAD: Final = "payload"


class RedisStreamCarrier:
    """Implements Carrier. An answer that is lost makes the events of that attempt come twice, in order.

    Args:
        max_length: entries kept, roughly; 0 keeps all.
    """

    def __init__(self, access: RedisAccess, stream: str, max_length: int, source: str) -> None:
        self._access = access
        self._stream = stream
        self._trim: Command = ("MAXLEN", "~", max_length) if max_length else ()
        self._source = source
        self._alone = asyncio.Lock()

    async def carry(self, entries: Sequence[OutboxEntry]) -> list[str | None]:
        try:
            async with self._alone:  # the access is one task's
                await self._access.call_all(self._stream, [self.command(entry) for entry in entries])
        except ServerError as exc:
            raise LaneBlocked(str(exc)) from exc
        except EngineUnavailable as exc:
            raise CarrierUnavailable(str(exc)) from exc
        return [None] * len(entries)

    def command(self, entry: OutboxEntry) -> Command:
        """What is sent for one entry."""
        attributes = attributes_of(entry, self._source)
        content_type = attributes.pop("datacontenttype")
        headers = {PREFIX + name: value for name, value in attributes.items()}
        headers |= trace_headers(entry) | tag_headers(entry)
        fields = [part for pair in headers.items() for part in pair]
        return ("XADD", self._stream, *self._trim, "*", *fields, "content-type", content_type, PAYLOAD, entry.data)
