"""The protocol's client without an SDK: on PyPI `websockets`, every message visible.

Whatever it receives is held against the rules that all messages keep (docs/protocol.md section 2.1), so each test that
uses it is a test of those too.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.support.patience import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType
    from typing import Self

    from websockets.asyncio.client import ClientConnection

Message = dict[str, Any]

OPAQUE = {"data", "conn_info", "chan_info"}
"""Fields whose content belongs to the application, which may use null."""

PUSHES_WITHOUT_CHANNEL = {"message", "connect", "disconnect", "refresh"}


class Close(NamedTuple):
    """The Close frame a server sent; 1006 and an empty reason where it sent none."""

    code: int
    reason: str


class RawClient:
    """One WebSocket. `async with raw_client(url)` opens it.

    Attributes:
        messages: everything received, in order, pings (`{}`) included.
        frames: the text frames they came in.
        answers_pings: whether pings are answered with pongs, as every SDK does.
    """

    def __init__(self, socket: ClientConnection, *, answers_pings: bool = True) -> None:
        self.socket = socket
        self.answers_pings = answers_pings
        self.messages: list[Message] = []
        self.frames: list[str] = []
        self._unread: list[Message] = []
        self._ids = itertools.count(1)
        self._changed = asyncio.Event()
        self._failure: BaseException | None = None
        self._is_closed = False
        self._reader = asyncio.create_task(self._read(), name="raw client")

    # --- out --------------------------------------------------------------------------------------------------------

    async def send(self, *commands: object) -> None:
        """Send commands as one frame."""
        await self.socket.send("\n".join(map(json.dumps, commands)))

    async def send_raw(self, frame: str | bytes) -> None:
        """Send a text or binary frame as it is."""
        await self.socket.send(frame)

    async def ask(self, method: str, /, **request: Any) -> Message:
        """Send one command; its reply, without the id."""
        command_id = next(self._ids)
        await self.send({"id": command_id, method: request})
        return await self.reply(command_id)

    async def call(self, method: str, /, **request: Any) -> Any:
        """Send one command that must succeed; its result."""
        reply = await self.ask(method, **request)
        assert list(reply) == [method], reply
        return reply[method]

    async def refusal(self, method: str, /, **request: Any) -> Message:
        """Send one command that must be answered with an error; that error."""
        reply = await self.ask(method, **request)
        assert list(reply) == ["error"], reply
        error: Message = reply["error"]
        return error

    async def cast(self, method: str, /, **request: Any) -> None:
        """Send one command whose answer is no concern here."""
        await self.send({"id": next(self._ids), method: request})

    # --- in ---------------------------------------------------------------------------------------------------------

    async def reply(self, command_id: int) -> Message:
        """The reply to a command, without the id."""
        reply = dict(await self._next(lambda message: message.get("id") == command_id))
        del reply["id"]
        return reply

    async def push(self, kind: str, channel: str | None = None) -> Any:
        """The next unread push of one kind: what is under the kind's key."""
        message = await self._next(lambda message: _is_push(message, kind, channel))
        return message["push"][kind]

    async def data(self, channel: str, count: int) -> list[Any]:
        """The data of the next publications of a channel."""
        return [(await self.push("pub", channel))["data"] for _ in range(count)]

    def unread(self, kind: str, channel: str | None = None) -> list[Any]:
        """The pushes of one kind that have come and were not read."""
        return [message["push"][kind] for message in self._unread if _is_push(message, kind, channel)]

    async def settled(self) -> Self:
        """Return when everything the server had sent before has come: it answers in order."""
        await self.refusal("ping")
        return self

    async def ping(self) -> None:
        """Wait for the server's next ping."""
        await self._next(lambda message: message == {})

    async def closing(self, within_s: float = PATIENCE_S) -> Close:
        """Wait until the server has closed the connection; how it did."""
        async with asyncio.timeout(within_s):
            await self.socket.wait_closed()
            await self._reader
        self._raise_failure()
        return Close(self.socket.close_code or 1006, self.socket.close_reason or "")

    # --- the end ----------------------------------------------------------------------------------------------------

    async def leave(self) -> None:
        """Close in order."""
        await self.socket.close()
        await self._reader
        self._raise_failure()

    def vanish(self) -> None:
        """Reset the TCP connection without a word."""
        self.socket.transport.abort()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.socket.transport.abort()
        await self._reader
        if kind is None:
            self._raise_failure()

    # --- reading ----------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            async for frame in self.socket:
                await self._take(frame)
        except ConnectionClosed:
            pass
        except (AssertionError, ValueError) as exc:  # a message that breaks the rules: for whoever waits next
            self._failure = exc
        finally:
            self._is_closed = True
            self._changed.set()

    async def _take(self, frame: str | bytes) -> None:
        assert isinstance(frame, str), "JSON travels in text frames"
        self.frames.append(frame)
        for line in frame.removesuffix("\n").split("\n"):
            message: Message = json.loads(line)
            check_message(message)
            self.messages.append(message)
            self._unread.append(message)
            self._changed.set()
            if message == {} and self.answers_pings:
                await self.socket.send("{}")

    async def _next(self, is_wanted: Callable[[Message], bool]) -> Message:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for index, message in enumerate(self._unread):
                    if is_wanted(message):
                        return self._unread.pop(index)
                self._raise_failure()
                assert not self._is_closed, f"closed with {self.socket.close_code}: {self.socket.close_reason}"
                self._changed.clear()
                await self._changed.wait()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


async def raw_client(url: str, *, answers_pings: bool = True, **options: Any) -> RawClient:
    """Open a WebSocket; `options` are those of `websockets.connect`.

    Its own keep-alive is off: pings in a test are the server's or the test's.
    """
    quiet: dict[str, Any] = {"compression": None, "ping_interval": None, "proxy": None, "open_timeout": PATIENCE_S}
    return RawClient(await connect(url, **(quiet | options)), answers_pings=answers_pings)


def _is_push(message: Message, kind: str, channel: str | None) -> bool:
    push = message.get("push", {})
    return kind in push and channel in (None, push.get("channel"))


def check_message(message: Message) -> None:
    """The rules of docs/protocol.md section 2.1 and traps 2 and 3, for any message of the server."""
    _check_values(message)
    if "error" in message:
        assert message["error"]["message"], f"an error without its text: {message}"
    push = message.get("push")
    if push is None:
        assert message == {} or message["id"] > 0, message
        assert len(message) in {0, 2}, f"not one reply: {message}"
        return
    assert "id" not in message, message
    assert push.keys() - {"channel"} & PUSHES_WITHOUT_CHANNEL or push["channel"], message
    for kind in ("unsubscribe", "disconnect"):
        assert kind not in push or {"code", "reason"} <= push[kind].keys(), message


def _check_values(value: object) -> None:
    assert value is not None, "null on the wire"
    if isinstance(value, dict):
        assert not value.get("expires") or value["ttl"] > 0, f"expires without ttl: {value}"
        for name, inner in value.items():
            if name not in OPAQUE:
                _check_values(inner)
    elif isinstance(value, list):
        for inner in value:
            _check_values(inner)
