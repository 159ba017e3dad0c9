"""Settings that Syncline has: the event loop for all, the collector for the floors that show its part."""

from __future__ import annotations

import asyncio
import gc


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop where it is installed, which is Syncline's rule too; the Python peers get the same."""
    try:
        import uvloop  # noqa: PLC0415 -- an extra: asked for only where a server starts
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def calm_garbage_collector() -> None:
    """As main.py does: by default, collections take a quarter of a bare handshake once 2,000 connections are open."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 20)
