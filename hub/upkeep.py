"""What a node does by itself, all the time: deadlines, congested sockets, continuity checks, its own lease."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from hub.deadlines import TICK_S
from hub.engine import HistoryQuery
from hub.errors import EngineUnavailable

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from hub.connection import Connection
    from hub.hub import Hub
    from hub.protocol.messages import StreamPosition
    from hub.subscriptions import LiveChannel

logger = logging.getLogger(__name__)

DUE_PER_SLICE = 256
"""Connections whose deadlines are handled before other work of the loop runs."""

CHANNELS_PER_SLICE = 128
"""Channels whose position is compared before other work of the loop runs."""

DRAIN_INTERVAL_S = 0.01
"""How often congested sockets are looked at: with MAX_WRITE_BYTES, what a healthy one can get is 25 MB a second."""

ANNOUNCE_INTERVAL_S = 3.0

POSITION_GRACE_S = 1.0
"""How long a publication may be under way between the stream and this node before it counts as lost."""


def upkeep_tasks(hub: Hub) -> list[tuple[str, Coroutine[object, object, None]]]:
    return [
        ("hub.deadlines", keep_deadlines(hub)),
        ("hub.backpressure", drain_congested(hub)),
        ("hub.positions", check_positions(hub)),
        ("hub.announce", announce(hub)),
        *([("hub.lease", watch_lease(hub))] if hub.config.lapse_after_s else []),
    ]


async def keep_deadlines(hub: Hub) -> None:
    """Wake every connection whose deadline has come."""
    while True:
        await asyncio.sleep(TICK_S)
        now_s = hub.clock.monotonic_s()
        for count, item in enumerate(hub.deadlines.due(now_s), 1):
            cast("Connection", item).on_deadline(now_s)
            if count % DUE_PER_SLICE == 0:
                await asyncio.sleep(0)


async def drain_congested(hub: Hub) -> None:
    """Give drained sockets their backlog; close those that stand still or hold too much."""
    while True:
        await hub.congestion.wait()
        while hub.fan_out.congested:
            await asyncio.sleep(DRAIN_INTERVAL_S)
            now_s = hub.clock.monotonic_s()
            hub.close_stalled(hub.fan_out.drain_congested(now_s, hub.config.client.write_timeout_s))
        hub.congestion.clear()


async def check_positions(hub: Hub) -> None:
    """Compare the streams with what this node has seen of them, so that a lost announcement is noticed.

    Within `channel_position_check_delay` plus POSITION_GRACE_S (invariant I5); one read per channel, not per client.
    """
    delay_s = hub.config.client.channel_position_check_delay_s
    while True:
        await asyncio.sleep(max(delay_s, TICK_S))
        suspects: list[tuple[LiveChannel, StreamPosition]] = []
        for count, channel in enumerate(list(hub.index.channels.values()), 1):
            if channel.has_positioned() and (missed := await _missed(hub, channel)) is not None:
                suspects.append((channel, missed))
            if count % CHANNELS_PER_SLICE == 0:
                await asyncio.sleep(0)
        if suspects:
            await asyncio.sleep(POSITION_GRACE_S)
            for channel, missed in suspects:
                await _confirm(hub, channel, missed)


async def _missed(hub: Hub, channel: LiveChannel) -> StreamPosition | None:
    """The stream's top when this node has not seen it; it may be under way."""
    top = await _top(hub, channel)
    known = channel.position
    if top is None or known is None or (top.epoch == known.epoch and top.offset <= known.offset):
        return None
    return top


async def _confirm(hub: Hub, channel: LiveChannel, missed: StreamPosition) -> None:
    """Still not seen after the grace: the announcement is not coming. What is newer may be under way again."""
    top = await _top(hub, channel)
    known = channel.position
    if top is None or known is None:
        return
    if top.epoch != known.epoch or (missed.epoch == known.epoch and missed.offset > known.offset):
        logger.warning("continuity_lost", extra={"channel_offset": known.offset, "stream_offset": top.offset})
        hub.lose_continuity(channel, top)


async def _top(hub: Hub, channel: LiveChannel) -> StreamPosition | None:
    """Where the stream stands; None when the engine does not say. Asking keeps its position for the meta TTL."""
    query = HistoryQuery(meta_ttl_s=hub.channels.history_meta_ttl_s(channel.options))
    try:
        return (await hub.engine.history(channel.name, query)).position
    except EngineUnavailable:
        return None


async def announce(hub: Hub) -> None:
    """Keep this node's lease among the nodes."""
    while True:
        try:
            await hub.announce()
        except EngineUnavailable:
            logger.warning("announce_failed")
        await asyncio.sleep(ANNOUNCE_INTERVAL_S)


async def watch_lease(hub: Hub) -> None:
    """Notice that this process was stopped, or starved of CPU, for longer than its lease.

    An engine that is handed something notices that first; this is for when there is nothing.
    """
    seen_s = hub.clock.monotonic_s()
    while True:
        await asyncio.sleep(TICK_S)
        now_s = hub.clock.monotonic_s()
        if now_s - seen_s > hub.config.lapse_after_s:
            hub.on_lapse()
        seen_s = now_s
