"""The port of what takes events out of the outbox, and the carrier that hands them straight to the hub."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from msgspec import UNSET, Raw

from hub.errors import EngineUnavailable, ReplyError
from hub.publishing import How, Item

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.hub import Hub
    from hub.relay.entries import OutboxEntry


class CarrierUnavailable(Exception):
    """It takes nothing at all for now: everything waits. What was in flight may or may not have been taken."""


class LaneBlocked(Exception):
    """It does not take what comes first now, but may take other keys: a queue that is full, an exchange without it."""


class Carrier(Protocol):
    """Takes events of one key, in their order."""

    async def carry(self, entries: Sequence[OutboxEntry]) -> list[str | None]:
        """Take as many of the first ones as possible, at least one, in their order.

        Returns:
            One verdict for each that is done with: None for one that was taken, durably and for good, else why it never
            will be. Those after them are handed over again.

        Raises:
            CarrierUnavailable, LaneBlocked: none is done with.
        """


class HubCarrier:
    """Implements Carrier: the engine has accepted what was taken."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def carry(self, entries: Sequence[OutboxEntry]) -> list[str | None]:
        run = _of_one_channel(entries)
        try:
            await self._publish(run)
        except ReplyError as exc:
            if len(run) > 1:  # nothing was published: one of them is refused
                return await self.carry(run[:1])
            return [str(exc)]
        except EngineUnavailable as exc:
            raise CarrierUnavailable from exc
        return [None] * len(run)

    async def _publish(self, run: Sequence[OutboxEntry]) -> None:
        channel = run[0].channel
        if len(run) == 1:
            item = _item(run[0])
            await self._hub.publish(channel, item.data, tags=item.tags, how=item.how)
        else:
            await self._hub.publish_many(channel, [_item(entry) for entry in run])


def _of_one_channel(entries: Sequence[OutboxEntry]) -> Sequence[OutboxEntry]:
    """The first ones up to a change of channel; mostly all."""
    channel = entries[0].channel
    for position, entry in enumerate(entries):
        if entry.channel != channel:
            return entries[:position]
    return entries


def _item(entry: OutboxEntry) -> Item:
    return Item(Raw(entry.data), entry.tags or UNSET, How(idempotency_key=entry.key))
