"""Waiting that ends when the run does."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def rest(stop: asyncio.Event, pause_s: float) -> bool:
    """Wait until `stop` is set, for `pause_s` at most; whether it is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(pause_s):
            await stop.wait()
    return stop.is_set()
