"""A client as an SDK makes it: one link at a time, subscriptions that outlive it, commands answered by id."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from hub.connection import Connection, Handshake
from hub.protocol.json_codec import JSON
from tests.unit.hub.recording_transport import RecordingTransport, unframe
from tests.unit.hub.sdk_model import Phase, Place, SDKSubscription, Wanted

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.hub import Hub
    from tests.unit.hub.gated_engine import Reading
    from tests.unit.hub.sdk_model import Message

PERMITTED_REFUSALS = {100, 112}
"""Of a subscribe command: it was ended while it joined; it could not be recovered."""


class Link:
    """One transport, and the handler that feeds its connection with what arrives."""

    def __init__(self, hub: Hub, user: str, name: str) -> None:
        self.name = name
        self.transport = RecordingTransport()
        self.connection = Connection(hub, self.transport, JSON, Handshake(user=user))
        self.connection.opened()
        self._arrived: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._num_read = 0
        self.is_connected = False
        self.handler = asyncio.get_running_loop().create_task(self._handle(), name=name)

    async def _handle(self) -> None:
        try:
            while (frame := await self._arrived.get()) is not None:
                await self.connection.handle_frame(frame)
        finally:
            await self.connection.closed()

    def send(self, commands: list[Message]) -> None:
        self._arrived.put_nowait(b"\n".join(map(msgspec.json.encode, commands)))

    def cut(self) -> None:
        """The transport ends; its handler notices when it is done with what it is doing."""
        self.transport.is_dead = True
        self._arrived.put_nowait(None)

    def read(self) -> list[Message]:
        """The messages that have arrived since the last time."""
        writes = self.transport.writes[self._num_read :]
        self._num_read += len(writes)
        return [msgspec.json.decode(message) for write in writes for frame in unframe(write) for message in frame]

    @property
    def goodbye(self) -> int:
        """The code it was closed with; 0 while it is not."""
        return self.transport.goodbyes[0].code if self.transport.goodbyes else 0


class Pending(NamedTuple):
    """A command that is not answered yet."""

    method: str
    channel: str = ""


class SDKClient:
    """One client.

    Attributes:
        is_deaf: it does not read; what is sent to it stays in the network, and is lost with the link.
        was_congested: its socket was full at some time of this link.
    """

    def __init__(
        self, name: str, user: str, subs: dict[str, SDKSubscription], readings: dict[tuple[str, str], Reading]
    ) -> None:
        self.name = name
        self.user = user
        self.subs = subs
        self._readings = readings
        self.server_subs: dict[str, SDKSubscription] = {}
        self.link: Link | None = None
        self.is_deaf = False
        self.was_congested = False
        self._pending: dict[int, Pending] = {}
        self._num_links = 0
        self._last_id = 0

    # --- what it does -----------------------------------------------------------------------------------------------

    def connect(self, hub: Hub, wanted: dict[str, Place | None], subscribes: list[tuple[str, Wanted]]) -> None:
        """Open a link; the connect command and the subscribes travel in one frame."""
        self._num_links += 1
        self.link = Link(hub, self.user, f"{self.name}/{self._num_links}")
        self.is_deaf = self.was_congested = False
        for channel, place in wanted.items():
            self.server_subs[channel].wanted = Wanted(place)
        subs = {
            channel: {"recover": True, "offset": place.offset, "epoch": place.epoch}
            for channel, place in wanted.items()
            if place is not None
        }
        commands = [self._command("connect", subs=subs)]
        commands += [self._subscribe(channel, how) for channel, how in subscribes]
        self.link.send(commands)

    def subscribe(self, channel: str, how: Wanted) -> None:
        assert self.link is not None
        self.link.send([self._subscribe(channel, how)])

    def unsubscribe(self, channel: str) -> None:
        assert self.link is not None
        self.link.send([self._command("unsubscribe", channel=channel)])

    def publish(self, channel: str, number: int) -> None:
        assert self.link is not None
        self.link.send([self._command("publish", channel=channel, data=number)])

    def fill_socket(self, buffered: int) -> None:
        """So many bytes of what it was sent have not left the server."""
        if self.link is not None:
            self.link.transport.buffered = buffered
            self.was_congested |= buffered > 0

    def cut(self) -> None:
        if self.link is not None:
            self.link.cut()
            self._forget_link()

    def _subscribe(self, channel: str, how: Wanted) -> Message:
        sub = self.subs[channel]
        sub.phase, sub.wanted = Phase.SUBSCRIBING, how
        fields: Message = {"channel": channel, "flag": 3 if how.rejects_unrecovered else 1}
        if how.place is not None:
            fields |= {"recover": True, "offset": how.place.offset, "epoch": how.place.epoch}
        command = self._command("subscribe", **fields)
        sub.pending_id = self._last_id
        return command

    def _command(self, method: str, **fields: object) -> Message:
        self._last_id += 1
        self._pending[self._last_id] = Pending(method, str(fields.get("channel", "")))
        return {"id": self._last_id, method: fields}

    def _forget_link(self) -> None:
        self.link = None
        self._pending.clear()
        for sub in (*self.subs.values(), *self.server_subs.values()):
            sub.phase = Phase.UNSUBSCRIBED

    # --- what it is told --------------------------------------------------------------------------------------------

    @property
    def is_connected(self) -> bool:
        return self.link is not None and self.link.is_connected

    @property
    def has_unanswered_commands(self) -> bool:
        return bool(self._pending)

    def read(self, on_end: Callable[[SDKClient, str, int], None]) -> None:
        """Take in what has arrived. `on_end` is told of every subscription and link that the server ended."""
        if self.link is None or self.is_deaf:
            return
        for message in self.link.read():
            if "push" in message:
                self._take_push(message["push"], on_end)
            else:
                self._take_reply(message)
        if self.link.goodbye:
            on_end(self, "", self.link.goodbye)
            self.cut()

    def _take_reply(self, reply: Message) -> None:
        pending = self._pending.pop(reply["id"])
        if pending.method == "connect":
            self._take_connected(reply)
        elif pending.method == "subscribe":
            self._take_subscribed(reply, self.subs[pending.channel])
        elif pending.method == "unsubscribe":
            assert reply["unsubscribe"] == {}
            if self.subs[pending.channel].pending_id < reply["id"]:  # else it has been asked for anew since
                self.subs[pending.channel].phase = Phase.UNSUBSCRIBED
        else:
            assert reply[pending.method] == {}

    def _take_connected(self, reply: Message) -> None:
        assert self.link is not None
        self.link.is_connected = True
        for channel, result in reply["connect"].get("subs", {}).items():
            self.server_subs[channel].take_reply(result, self._reading(channel))

    def _take_subscribed(self, reply: Message, sub: SDKSubscription) -> None:
        if reply["id"] != sub.pending_id:
            return  # it was ended before it was answered, and asked for anew since
        sub.pending_id = 0
        if "error" in reply:
            assert reply["error"]["code"] in PERMITTED_REFUSALS
            if sub.phase is Phase.SUBSCRIBING:
                sub.take_refusal(reply["error"]["code"], self._reading(sub.channel))
        else:
            sub.take_reply(reply["subscribe"], self._reading(sub.channel))

    def _take_push(self, push: Message, on_end: Callable[[SDKClient, str, int], None]) -> None:
        channel = push["channel"]
        sub = self.subs.get(channel) or self.server_subs[channel]
        if "pub" in push:
            sub.take_push(push["pub"])
        elif "subscribe" in push:
            self._take_server_subscription(sub, push["subscribe"])
        elif "unsubscribe" in push:
            code = push["unsubscribe"]["code"]
            if channel in self.subs or sub.phase is Phase.SUBSCRIBED:  # else it ended before the client heard of it
                on_end(self, channel, code)
                sub.take_unsubscribe(code)
        else:
            assert sub.phase is Phase.SUBSCRIBED, "a join or leave outside a subscription"
            assert {"join", "leave"} & set(push)

    def _take_server_subscription(self, sub: SDKSubscription, subscribe: Message) -> None:
        """It does not say whether it was recovered: what follows has to continue it either way."""
        sub.phase = Phase.SUBSCRIBED
        sub.place = Place(subscribe.get("offset", 0), subscribe["epoch"])

    def _reading(self, channel: str) -> Reading | None:
        assert self.link is not None
        return self._readings.get((self.link.name, channel))
