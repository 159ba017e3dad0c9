"""Around every request of an application, outside of its routing: what costs each of them as little as can be.

The first middleware of an aiohttp application costs 5 µs a request (what looks for it, and two coroutines more), a
tenth of a publication over HTTP; the same function around the application's own handler 1 µs
(docs/adr/0040-tracing.md).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from aiohttp import web
    from aiohttp.typedefs import Handler

    Around = Callable[[Handler], Handler]


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
