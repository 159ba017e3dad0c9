"""Around every request of an application, outside of its routing: what costs each of them as little as can be.

The first middleware of an aiohttp application costs 5 µs a request (what looks for it, and two coroutines more), a
tenth of a publication over HTTP; the same function around the application's own handler 1 µs
(docs/adr/0040-tracing.md).
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web
    from aiohttp.typedefs import Handler

    Around = Callable[[Handler], Handler]

STARTED_S: ContextVar[float] = ContextVar("request_started_s")
"""When the request began, on the monotonic clock, where requests are measured. Nobody resets it: every request has a
task of its own."""


def watch_requests(runner: web.AppRunner, watchers: Sequence[Around]) -> None:
    """Put them around the application of a runner that is set up and does not listen yet; outermost first.

    They see a request before its route is known, and its answer, also one that the application raises. A plain
    function that returns what the handler returns is a third of a coroutine.
    """
    server = runner.server
    assert server is not None, "set the runner up before"
    handler: Any = server.request_handler
    for around in reversed(watchers):
        handler = around(handler)
    server.request_handler = handler
