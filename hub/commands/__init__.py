"""What each command of the protocol does: one handler per command, found through one table.

A handler answers its command itself (`connection.reply`) and raises for everything else:
    ReplyError    becomes the error reply of this command
    Disconnected  becomes the end of the connection
Both are applied by `hub.connection.Connection`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import UNSET

from hub.commands.connect import handle_connect
from hub.commands.history import handle_history
from hub.commands.presence import handle_presence, handle_presence_stats
from hub.commands.publish import handle_publish
from hub.commands.refresh import handle_refresh, handle_sub_refresh
from hub.commands.rpc import handle_rpc, handle_send
from hub.commands.subscribe import handle_subscribe, handle_unsubscribe
from hub.commands.unserved import handle_ping

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.connection import Connection
    from hub.protocol.messages import Command

    # Each handler takes the request type of its own command; the table pairs them by name.
    Handler = Callable[[Connection, int, Any], Awaitable[None]]

# In the order of how often they come; a command with two methods is the first one, as in Centrifugo.
HANDLERS: tuple[tuple[str, Handler], ...] = (
    ("publish", handle_publish),
    ("rpc", handle_rpc),
    ("subscribe", handle_subscribe),
    ("connect", handle_connect),
    ("unsubscribe", handle_unsubscribe),
    ("presence", handle_presence),
    ("presence_stats", handle_presence_stats),
    ("history", handle_history),
    ("refresh", handle_refresh),
    ("sub_refresh", handle_sub_refresh),
    ("send", handle_send),
    ("ping", handle_ping),
)


def handler_of(command: Command) -> tuple[Handler | None, Any]:
    """The handler of the command's method and its request; None for a command without a method (a pong)."""
    for method, handler in HANDLERS:
        request = getattr(command, method)
        if request is not UNSET:
            return handler, request
    return None, None
