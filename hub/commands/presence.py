"""presence and presence_stats: who is in a channel now, over all nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import ReplyError
from hub.permissions import may_see_presence
from hub.protocol.codes import NOT_AVAILABLE, PERMISSION_DENIED
from hub.protocol.messages import PresenceResult, PresenceStatsResult, Reply

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.protocol.messages import PresenceRequest, PresenceStatsRequest


async def handle_presence(connection: Connection, command_id: int, request: PresenceRequest) -> None:
    _require_presence(connection, request.channel)
    clients = await connection.hub.engine.presence(request.channel)
    connection.reply(Reply(id=command_id, presence=PresenceResult(dict(clients))))


async def handle_presence_stats(connection: Connection, command_id: int, request: PresenceStatsRequest) -> None:
    _require_presence(connection, request.channel)
    stats = await connection.hub.engine.presence_stats(request.channel)
    connection.reply(Reply(id=command_id, presence_stats=PresenceStatsResult(stats.num_clients, stats.num_users)))


def _require_presence(connection: Connection, channel: str) -> None:
    options = connection.hub.channels.client_options(channel)
    if not options.presence:
        raise ReplyError(NOT_AVAILABLE)
    if not may_see_presence(options, connection.hub.actor(connection, channel)):
        raise ReplyError(PERMISSION_DENIED)
