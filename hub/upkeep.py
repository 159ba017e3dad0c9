"""What a node does by itself, all the time: deadlines, congested sockets, its own lease; and, elsewhere, positions."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, cast

from hub.deadlines import TICK_S
from hub.errors import EngineUnavailable
from hub.positions import PositionCheck

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from hub.connection import Connection
    from hub.hub import Hub

logger = logging.getLogger(__name__)

DUE_PER_SLICE = 256
"""Connections whose deadlines are handled before other work of the loop runs."""

DRAIN_INTERVAL_S = 0.01
"""How often congested sockets are looked at: with MAX_WRITE_BYTES, what a healthy one can get is 25 MB a second."""

ANNOUNCE_INTERVAL_S = 3.0


def upkeep_tasks(hub: Hub) -> list[tuple[str, Coroutine[object, object, None]]]:
    return [
        ("hub.deadlines", keep_deadlines(hub)),
        ("hub.backpressure", drain_congested(hub)),
        ("hub.positions", PositionCheck(hub).run()),
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
