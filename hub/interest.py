"""The node's interest in a channel: what the engine hands it, while somebody here is subscribed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.hub import Hub
    from hub.subscriptions import LiveChannel


async def attach(hub: Hub, channel: LiveChannel) -> None:
    """Make sure the engine hands this node the channel's publications."""
    if channel.is_attached:
        return
    async with _alone(channel):
        if not channel.is_attached:
            await hub.engine.subscribe(channel.name)
            channel.is_attached = True


async def detach(hub: Hub, channel: LiveChannel) -> None:
    """Give up the node's interest when nobody here is subscribed any more.

    Should the engine not answer, it may go on handing over a channel that nobody listens to: harmless.
    """
    try:
        if _is_idle(channel):
            async with _alone(channel):
                if _is_idle(channel):  # nobody came while this waited
                    # First: whoever comes while the engine lets go must wait for the lock and attach anew.
                    channel.is_attached = False
                    channel.position = None
                    await hub.engine.unsubscribe(channel.name)
    finally:
        hub.index.drop_if_empty(channel)


def _is_idle(channel: LiveChannel) -> bool:
    return channel.is_attached and not channel.num_clients


@asynccontextmanager
async def _alone(channel: LiveChannel) -> AsyncIterator[None]:
    """Serialises attach and detach of one channel.

    Meanwhile the channel is not dropped: a second one of its name would have a lock of its own, and the detach of the
    first would give up the interest of the second.
    """
    if channel.lock is None:  # made when first needed: most channels are attached once
        channel.lock = asyncio.Lock()
    channel.num_changing += 1
    try:
        async with channel.lock:
            yield
    finally:
        channel.num_changing -= 1
