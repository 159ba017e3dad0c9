"""The other end of a connection: sends commands, and reads what the hub says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from hub.connection import NO_HANDSHAKE, Connection, Handshake
from hub.protocol.json_codec import JSON
from tests.unit.hub.recording_transport import RecordingTransport
from tests.unit.hub.virtual_time import idle

if TYPE_CHECKING:
    from hub.hub import Hub
    from hub.protocol.codes import Disconnect

Message = dict[str, Any]


def connect(command_id: int = 1, **request: object) -> Message:
    return {"id": command_id, "connect": request}


def subscribe(channel: str, command_id: int = 2, **request: object) -> Message:
    return {"id": command_id, "subscribe": {"channel": channel, **request}}


class Client:
    """One peer on one recording transport."""

    def __init__(self, hub: Hub, handshake: Handshake = NO_HANDSHAKE) -> None:
        self.transport = RecordingTransport()
        self.connection = Connection(hub, self.transport, JSON, handshake)
        self.connection.opened()
        self._num_read = 0
        self._last_id = 0

    async def send(self, *commands: object) -> list[Message]:
        """Send commands in one frame; what the hub has said by the time nothing more happens."""
        return await self.send_bytes(b"\n".join(map(msgspec.json.encode, commands)))

    async def send_bytes(self, frame: bytes) -> list[Message]:
        await self.connection.handle_frame(frame)
        return await self.read()

    async def call(self, method: str, /, **request: object) -> Message:
        """Send one command; its reply, without the id. Pushes stay unread."""
        self._last_id = max(self._last_id, 100) + 1
        await self.connection.handle_frame(msgspec.json.encode({"id": self._last_id, method: request}))
        await idle()
        (reply,) = [reply for reply in self.transport.replies if reply.get("id") == self._last_id]
        del reply["id"]
        return reply

    async def read(self) -> list[Message]:
        """What the hub has said since the last time."""
        await idle()
        replies = self.transport.replies[self._num_read :]
        self._num_read += len(replies)
        return replies

    async def pushes(self, kind: str) -> list[Any]:
        """The unread pushes of one kind; the other unread messages are dropped."""
        pushes = [message["push"] for message in await self.read() if "push" in message]
        return [push[kind] for push in pushes if kind in push]

    async def vanish(self) -> None:
        """The transport ends without a word."""
        self.transport.is_dead = True
        await self.connection.closed()
        await idle()

    @property
    def goodbye(self) -> Disconnect | None:
        """What it was closed with."""
        assert len(self.transport.goodbyes) <= 1, "closed twice"
        return self.transport.goodbyes[0] if self.transport.goodbyes else None
