"""The event loop of every Python server here: uvloop where it is installed, which is also Syncline's rule."""

from __future__ import annotations

import asyncio


def new_event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop  # noqa: PLC0415 -- an extra: asked for only where a server starts
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()
