"""The live connections of this node, as operators look for them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, NamedTuple

from services.operations.questions import MAX_CONNECTIONS
from services.operations.views import ConnectionView

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.hub import Hub
    from services.operations.questions import ConnectionsWanted

CHANNELS_SHOWN: Final = 10

PER_SLICE: Final = 256
"""Connections looked at before other work of the loop runs."""


class Found(NamedTuple):
    """`total` match; listed are the newest of them."""

    connections: list[ConnectionView]
    total: int


async def find_connections(hub: Hub, wanted: ConnectionsWanted) -> Found:
    """Those of this node, newest first, at most MAX_CONNECTIONS."""
    if wanted.node not in {"", hub.uid, hub.node_info().name}:
        return Found([], 0)
    most = min(wanted.limit, MAX_CONNECTIONS)
    found: list[ConnectionView] = []
    total = 0
    for count, connection in enumerate(reversed(list(hub.registry.by_client.values())), 1):
        if _matches(connection, wanted):
            total += 1
            if len(found) < most:
                found.append(connection_view(hub, connection))
        if count % PER_SLICE == 0:
            await asyncio.sleep(0)
    return Found(found, total)


def connection_view(hub: Hub, connection: Connection) -> ConnectionView:
    session, outbox = connection.session, connection.outbox
    open_for_s = hub.clock.monotonic_s() - connection.opened_at_s
    return ConnectionView(
        client=connection.client_id,
        user=connection.user,
        session=session.sid if session else "",
        device=session.did if session else "",
        node=hub.uid,
        node_name=hub.node_info().name,
        transport=connection.transport.name,
        encoding=connection.codec.name,
        connected_ms=int((hub.clock.now_s() - open_for_s) * 1000),
        num_subscriptions=len(connection.subscriptions),
        channels=sorted(connection.subscriptions)[:CHANNELS_SHOWN],
        buffered_bytes=outbox.pending_bytes + outbox.backlog_bytes + outbox.buffered_bytes(),
    )


def _matches(connection: Connection, wanted: ConnectionsWanted) -> bool:
    session = connection.session
    return (
        connection.user.startswith(wanted.user)
        and connection.client_id.startswith(wanted.client)
        and (session.sid if session else "").startswith(wanted.session)
        and (session.did if session else "").startswith(wanted.device)
    )
