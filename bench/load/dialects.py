"""What each kind of server speaks: how one joins, keeps alive and publishes. A dialect holds no connection."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from bench.load.frames import client_frame


class Refused(Exception):
    """The server answered something else than what the measurement is about."""


class Step(NamedTuple):
    """What a text message during joining leads to: bytes to send (or none), and whether that was the last step."""

    reply: bytes
    joined: bool


class Post(NamedTuple):
    path: str
    body: bytes


class Dialect(Protocol):
    joins_on_upgrade: bool
    publishes_by_http: bool

    def opening(self, channel: str, token: str) -> bytes:
        """The frame sent right after the upgrade; empty if the server speaks first or the upgrade was all."""
        ...

    def advance(self, text: bytes) -> Step:
        """React to a text message before the connection is joined. Raises Refused."""
        ...

    def keepalive(self, text: bytes) -> bytes:
        """The frame that answers an application-level ping; empty if `text` is none."""
        ...

    def posts(self, channel: str, messages: Sequence[bytes]) -> list[Post]:
        """The HTTP requests that publish these messages."""
        ...

    def emits(self, messages: Sequence[bytes]) -> bytes:
        """The frames that make a publisher's connection publish these messages."""
        ...

    def command(self, channel: str, messages: Sequence[bytes]) -> bytes:
        """One frame with one publish command per message, each to be answered."""
        ...

    def answers_to(self, commands: int) -> int:
        """How many answers a frame of so many commands gets."""
        ...


class _Plain:
    """Joined by the upgrade, no application messages but the published ones."""

    joins_on_upgrade = True
    publishes_by_http = False

    def opening(self, channel: str, token: str) -> bytes:  # noqa: ARG002 -- the protocol's shape
        return b""

    def advance(self, text: bytes) -> Step:
        raise Refused(f"unexpected message while joining: {text[:200]!r}")

    def keepalive(self, text: bytes) -> bytes:  # noqa: ARG002 -- the protocol's shape
        return b""

    def posts(self, channel: str, messages: Sequence[bytes]) -> list[Post]:
        raise Refused(f"{type(self).__name__} does not publish over HTTP ({channel}, {len(messages)} messages)")

    def emits(self, messages: Sequence[bytes]) -> bytes:
        return b"".join(client_frame(message) for message in messages)

    def command(self, channel: str, messages: Sequence[bytes]) -> bytes:
        raise Refused(f"{type(self).__name__} has no commands ({channel}, {len(messages)} messages)")

    def answers_to(self, commands: int) -> int:
        return commands


class Broadcast(_Plain):
    """A server that sends whatever its publisher's connection sends, and nothing else: `websockets`, the send loop."""


class Nchan(_Plain):
    """nginx with nchan: subscribed by the upgrade, published to by POST, one message per request."""

    publishes_by_http = True

    def posts(self, channel: str, messages: Sequence[bytes]) -> list[Post]:
        return [Post(f"?id={channel}", message) for message in messages]


class Centrifuge(_Plain):
    """The Centrifuge client protocol v2 in JSON, and Centrifugo's server HTTP API."""

    joins_on_upgrade = False
    publishes_by_http = True

    def opening(self, channel: str, token: str) -> bytes:
        """Connect and subscribe in one frame, as npm `centrifuge` sends them."""
        connect = {"token": token, "name": "bench"} if token else {"name": "bench"}
        commands = [{"id": 1, "connect": connect}, {"id": 2, "subscribe": {"channel": channel}}]
        return client_frame("\n".join(json.dumps(command, separators=(",", ":")) for command in commands).encode())

    def advance(self, text: bytes) -> Step:
        if b'"error"' in text:
            raise Refused(text[:300].decode(errors="replace"))
        return Step(self.keepalive(text), b'"id":2' in text)

    def keepalive(self, text: bytes) -> bytes:
        return client_frame(b"{}") if b"{}" in text.split(b"\n") else b""

    def posts(self, channel: str, messages: Sequence[bytes]) -> list[Post]:
        publications = [b'{"channel":"%s","data":%s}' % (channel.encode(), message) for message in messages]
        if len(publications) == 1:
            return [Post("/publish", publications[0])]
        commands = b",".join(b'{"publish":%s}' % publication for publication in publications)
        return [Post("/batch", b'{"commands":[%s]}' % commands)]

    def command(self, channel: str, messages: Sequence[bytes]) -> bytes:
        lines = [
            b'{"id":%d,"publish":{"channel":"%s","data":%s}}' % (number + 3, channel.encode(), message)
            for number, message in enumerate(messages)
        ]
        return client_frame(b"\n".join(lines))


class FixedReply(Centrifuge):
    """The bare WebSocket floor: the upgrade is all, and any text gets the same short reply."""

    joins_on_upgrade = True

    def opening(self, channel: str, token: str) -> bytes:  # noqa: ARG002 -- the protocol's shape
        return b""

    def answers_to(self, commands: int) -> int:  # noqa: ARG002 -- the protocol's shape
        return 1


class FixedReplyFirst(FixedReply):
    """The same, joined only when the message a Centrifuge client opens with has been answered."""

    joins_on_upgrade = False

    def opening(self, channel: str, token: str) -> bytes:
        return Centrifuge().opening(channel, token)

    def advance(self, text: bytes) -> Step:  # noqa: ARG002 -- the protocol's shape
        return Step(b"", joined=True)


class SocketIo(_Plain):
    """Socket.IO v5 over Engine.IO v4, WebSocket only: just enough to join, stay, and emit `publish`."""

    joins_on_upgrade = False

    def advance(self, text: bytes) -> Step:
        if text.startswith(b"0"):
            return Step(client_frame(b"40"), joined=False)
        if text.startswith(b"44"):
            raise Refused(text[:300].decode(errors="replace"))
        return Step(self.keepalive(text), text.startswith(b"40"))

    def keepalive(self, text: bytes) -> bytes:
        return client_frame(b"3") if text == b"2" else b""

    def emits(self, messages: Sequence[bytes]) -> bytes:
        return b"".join(client_frame(b'42["publish",%s]' % message) for message in messages)


DIALECTS: dict[str, Dialect] = {
    "broadcast": Broadcast(),
    "centrifuge": Centrifuge(),
    "fixed-reply": FixedReply(),
    "fixed-reply-first": FixedReplyFirst(),
    "nchan": Nchan(),
    "socket.io": SocketIo(),
}
