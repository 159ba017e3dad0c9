"""Commands that protocol v2 names and its servers do not serve."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import ReplyError
from hub.protocol.codes import NOT_AVAILABLE

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.protocol.messages import PingRequest


async def handle_ping(connection: Connection, command_id: int, request: PingRequest) -> None:  # noqa: ARG001  # table signature
    """In v2 the server pings and the client answers with an empty command."""
    raise ReplyError(NOT_AVAILABLE)
