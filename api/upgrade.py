"""The moment at which a request has become a WebSocket: whoever watches requests is told, and lets go of this one."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from aiohttp import web

from hub.tracing import CURRENT

if TYPE_CHECKING:
    from hub.tracing import TraceContext

_WATCHERS: Final = web.RequestKey("syncline.upgrade_watchers", list[Callable[[], None]])


def on_upgrade(request: web.Request, watcher: Callable[[], None]) -> None:
    """Have `watcher` called once the 101 is out; never, where it does not come to that."""
    request.setdefault(_WATCHERS, []).append(watcher)


def upgraded(request: web.Request) -> TraceContext | None:
    """Tell the watchers. From here on the handler reads for hours, and what it does belongs to no request.

    Returns the sampled context of the handshake, for links.
    """
    for watcher in request.get(_WATCHERS, ()):
        watcher()
    context = CURRENT.get()
    CURRENT.set(None)  # whoever has set it resets it to what was before
    return context if context is not None and context.is_sampled else None
