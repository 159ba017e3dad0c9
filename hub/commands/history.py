"""history: the publications a channel keeps, and its position."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from hub.errors import ReplyError
from hub.permissions import may_read_history
from hub.protocol.codes import NOT_AVAILABLE, PERMISSION_DENIED
from hub.protocol.messages import HistoryResult, Reply

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.protocol.messages import HistoryRequest


async def handle_history(connection: Connection, command_id: int, request: HistoryRequest) -> None:
    """Read a part of the stream, at most `client.history_max_publication_limit` publications at once."""
    hub, channel = connection.hub, request.channel
    options = hub.channels.client_options(channel)
    if not options.has_history:
        raise ReplyError(NOT_AVAILABLE)
    if not may_read_history(options, hub.actor(connection, channel)):
        raise ReplyError(PERMISSION_DENIED)
    most = hub.config.client.history_max_publication_limit
    limit = request.limit
    if most and (limit < 0 or limit > most):
        limit = most
    since = None if request.since is UNSET else request.since
    history = await hub.history(channel, limit=limit, since=since, reverse=request.reverse)
    top = history.position
    result = HistoryResult(history.publications, top.epoch, top.offset)
    connection.reply(Reply(id=command_id, history=result))
