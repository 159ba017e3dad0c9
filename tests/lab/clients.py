"""A client as an application has one, in the behaviour of centrifuge-js, and a record of everything it saw.

It is subscribed to its user's channel for as long as the run lasts: it reconnects with jitter, to any node, recovers
from its position, drops what it has had by the event's id, and reads the truth when it is told that it was not
recovered. Written for the lab instead of taken from npm because the lab has to see offsets, epochs and replies that an
SDK keeps to itself; tests/e2e holds the SDKs against the same node.
"""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.lab.history import Parted, Received, Reloaded, Subscribed
from tests.lab.pacing import rest
from tests.support.patience import TIME_SCALE
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from websockets.asyncio.client import ClientConnection

    from tests.lab.history import History

Message = dict[str, Any]

ANSWER_WITHIN_S = 3.0 * TIME_SCALE
"""For an open connection, and for each answer; centrifuge-js has 5 s."""

PING_SLACK_S = 3.0 * TIME_SCALE
"""How late a ping may be before the connection is given up; centrifuge-js has 10 s."""

MIN_PAUSE_S, MAX_PAUSE_S = 0.05, 1.0
"""Between attempts to connect."""

FIRST_RESUBSCRIBE_CODE = 2500

TERMINAL_DISCONNECTS = (range(3500, 4000), range(4500, 5000))


class Gone(Exception):
    """The connection is over, whoever ended it."""


class Terminal(AssertionError):
    """The server has told the client never to come back: in the lab, nothing gives it a reason."""


@dataclass
class LabClient:
    """One device of a user.

    Attributes:
        urls: WebSocket endpoints, one per node.
        epoch, offset: its position in the channel; no epoch before the first subscription.
        is_subscribed: now.
        known: ids of the events that the application has, by publication or by reading the truth.
    """

    name: str
    user: str
    channel: str
    urls: Sequence[str]
    history: History
    rng: random.Random
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    epoch: str = ""
    offset: int = 0
    is_subscribed: bool = False
    known: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._attempts = 0
        self._ids = 0
        self._behind: list[Message] = []
        self._silence_s = ANSWER_WITHIN_S

    async def run(self) -> None:
        """Until `stop` is set."""
        while not self.stop.is_set():
            try:
                await self._connection(self.rng.choice(self.urls))
            except ConnectionClosed as exc:
                self._closed(exc)
            except (Gone, OSError, TimeoutError, WebSocketException, EOFError) as exc:
                self._parted("connection", 0, f"{type(exc).__name__}: {exc}")
            self.is_subscribed = False
            self._attempts += 1
            longest_s = min(MAX_PAUSE_S, MIN_PAUSE_S * 2 ** min(self._attempts, 10))
            await rest(self.stop, self.rng.uniform(MIN_PAUSE_S, longest_s))

    async def _connection(self, url: str) -> None:
        async with asyncio.timeout(ANSWER_WITHIN_S):
            socket = await connect(url, compression=None, ping_interval=None, proxy=None, open_timeout=None)
        try:
            await self._session(socket)
        finally:
            socket.transport.abort()
            with suppress(WebSocketException):
                await socket.wait_closed()

    async def _session(self, socket: ClientConnection) -> None:
        hello = await self._ask(socket, {"connect": {"token": connection_token(self.user), "name": "lab"}})
        if "error" in hello:
            raise Gone(f"connect: {hello['error']}")
        self._attempts = 0
        self._silence_s = hello["connect"].get("ping", 25) + PING_SLACK_S
        await self._subscribe(socket)
        while not self.stop.is_set():
            for message in await self._receive(socket, self._silence_s):
                await self._take(socket, message)

    async def _ask(self, socket: ClientConnection, command: Message) -> Message:
        """The answer to a command; what else comes is dealt with as it comes.

        Raises:
            TimeoutError: the client starts anew, as centrifuge-js does.
        """
        self._ids += 1
        number = self._ids
        await socket.send(json.dumps({"id": number, **command}))
        async with asyncio.timeout(ANSWER_WITHIN_S):
            while True:
                messages = await self._receive(socket, ANSWER_WITHIN_S)
                answers = [message for message in messages if message.get("id") == number]
                if not answers:
                    for message in messages:
                        await self._take(socket, message)
                    continue
                index = messages.index(answers[0])
                for message in messages[:index]:
                    await self._take(socket, message)
                self._behind = messages[index + 1 :]
                return answers[0]

    async def _receive(self, socket: ClientConnection, within_s: float) -> list[Message]:
        async with asyncio.timeout(within_s):
            frame = await socket.recv()
        return [json.loads(line) for line in str(frame).removesuffix("\n").split("\n")]

    async def _subscribe(self, socket: ClientConnection) -> None:
        """Until it is granted; what came behind the answer in its frame is taken then."""
        pause_s = MIN_PAUSE_S
        while True:
            answer = await self._ask(socket, {"subscribe": self._request()})
            behind, self._behind = self._behind, []
            if "subscribe" in answer:
                self._granted(answer["subscribe"])
                for message in behind:
                    await self._take(socket, message)
                return
            if not answer["error"].get("temporary") and answer["error"]["code"] != 100:
                raise Terminal(f"{self.name}: subscribe: {answer['error']}")
            self._parted("subscribe", answer["error"]["code"], answer["error"]["message"])
            if await rest(self.stop, self.rng.uniform(0, pause_s)):
                raise Gone("the run is over")
            pause_s = min(2 * pause_s, MAX_PAUSE_S)

    def _request(self) -> Message:
        position = {"recover": True, "epoch": self.epoch, "offset": self.offset} if self.epoch else {}
        return {"channel": self.channel, **position}

    def _granted(self, result: Message) -> None:
        publications = result.get("publications", [])
        recovered = bool(result.get("recovered"))
        self.history.add(
            Subscribed(
                client=self.name,
                channel=self.channel,
                epoch=result.get("epoch", ""),
                offset=result.get("offset", 0),
                since_epoch=self.epoch,
                since_offset=self.offset,
                was_recovering=bool(self.epoch),
                recovered=recovered,
                num_publications=len(publications),
            )
        )
        is_first = not self.epoch
        self.is_subscribed = True
        self.epoch, self.offset = result.get("epoch", ""), result.get("offset", 0)
        for publication in publications:
            self._publication(publication, is_live=False)
        if not recovered:
            self._reload(is_first=is_first)

    def _reload(self, *, is_first: bool) -> None:
        """Read the truth: what the application does when the hub cannot say what was missed."""
        events = self.history.truth_of(self.channel)
        self.known.update(events)
        why: Any = "first" if is_first else "unrecovered"
        self.history.add(Reloaded(client=self.name, channel=self.channel, events=events, why=why))

    async def _take(self, socket: ClientConnection, message: Message) -> None:
        push = message.get("push", {})
        if message == {}:
            await socket.send("{}")
        elif "pub" in push:
            self._publication(push["pub"], is_live=True, channel=push["channel"])
        elif "unsubscribe" in push:
            await self._unsubscribed(socket, push["unsubscribe"])
        elif "disconnect" in push:
            self._disconnected(push["disconnect"])

    def _publication(self, publication: Message, *, is_live: bool, channel: str = "") -> None:
        data = publication["data"]
        self.offset = publication.get("offset", 0)
        is_new = data["event"] not in self.known
        self.known.add(data["event"])
        self.history.add(
            Received(
                client=self.name,
                user=self.user,
                channel=channel or self.channel,
                event=data["event"],
                addressee=data["user"],
                key=data["key"],
                seq=data["seq"],
                epoch=self.epoch,
                offset=self.offset,
                how="live" if is_live else "recovered",
                is_new=is_new,
            )
        )

    async def _unsubscribed(self, socket: ClientConnection, why: Message) -> None:
        self.is_subscribed = False
        self._parted("subscription", why["code"], why["reason"])
        if why["code"] < FIRST_RESUBSCRIBE_CODE:
            raise Terminal(f"{self.name}: unsubscribed: {why}")
        await self._subscribe(socket)

    def _disconnected(self, why: Message) -> None:
        self._check_not_terminal(why["code"], why["reason"])
        raise Gone(f"disconnect {why['code']} {why['reason']}")

    def _closed(self, exc: ConnectionClosed) -> None:
        code, reason = (exc.rcvd.code, exc.rcvd.reason) if exc.rcvd is not None else (1006, "")
        self._check_not_terminal(code, reason)
        self._parted("connection", code, reason)

    def _check_not_terminal(self, code: int, reason: str) -> None:
        if any(code in codes for codes in TERMINAL_DISCONNECTS):
            raise Terminal(f"{self.name}: disconnected for good: {code} {reason}")

    def _parted(self, what: str, code: int, reason: str) -> None:
        self.history.add(Parted(client=self.name, what=what, code=code, reason=reason[:200]))
