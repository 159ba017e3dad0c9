"""publish: a client's message to everybody in a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from hub.errors import ReplyError
from hub.payload import clean_payload
from hub.permissions import may_publish
from hub.protocol.codes import BAD_REQUEST, PERMISSION_DENIED
from hub.protocol.messages import PublishResult, Reply

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.protocol.messages import PublishRequest

_PUBLISHED = PublishResult()


async def handle_publish(connection: Connection, command_id: int, request: PublishRequest) -> None:
    """Publish with the client's own info; a subscribed publisher receives its publication like everybody else."""
    hub, channel = connection.hub, request.channel
    options = hub.channels.client_options(channel)
    if request.data is UNSET:
        raise ReplyError(BAD_REQUEST)
    if not may_publish(options, hub.actor(connection, channel)):
        raise ReplyError(PERMISSION_DENIED)
    subscription = connection.subscriptions.get(channel)
    info = connection.client_info(UNSET if subscription is None else subscription.info)
    data = clean_payload(bytes(request.data))
    await hub.publish(channel, data, info=info)
    if hub.observer is not None:
        hub.observer.published(connection, channel, bytes(data))
    connection.reply(Reply(id=command_id, publish=_PUBLISHED))
