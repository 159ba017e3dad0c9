"""A run of a hub that keeps its promises, made up: what the checkers are tested on.

One channel per user, two clients each. Clients drop out and recover, streams are lost and begin anew, publishers hear
nothing and repeat themselves.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from tests.lab.history import Fault, Final, History, Invoke, Outcome, Parted, Received, Reloaded, Subscribed

if TYPE_CHECKING:
    from tests.lab.history import AnyOp

STEPS = 200


@dataclass
class _Client:
    name: str
    epoch: str = ""
    offset: int = 0
    is_connected: bool = False
    known: set[str] = field(default_factory=set)


@dataclass
class _Stream:
    user: str
    clients: list[_Client]
    epoch: str = "e1"
    events: list[Invoke] = field(default_factory=list)
    num_invoked: int = 0
    first: int = 0
    """Where the epoch begins among the events."""

    @property
    def channel(self) -> str:
        return f"private:#{self.user}"

    @property
    def top(self) -> int:
        return len(self.events) - self.first


class ModelRun:
    """Makes up a run from a seed."""

    def __init__(self, seed: int) -> None:
        self.history = History()
        self._random = random.Random(seed)
        self._streams = [_Stream(user, [_Client(f"{user}/0"), _Client(f"{user}/1")]) for user in ("ann", "bob")]

    def ops(self) -> list[AnyOp]:
        for stream in self._streams:
            for client in stream.clients:
                self._subscribe(stream, client)
        for _ in range(STEPS):
            stream = self._random.choice(self._streams)
            step = self._random.choices((self._publish, self._part, self._return, self._break), (20, 3, 4, 1))[0]
            step(stream)
        for stream in self._streams:
            for client in stream.clients:
                self._end(stream, client)
        return list(self.history.ops)

    def _publish(self, stream: _Stream) -> None:
        stream.num_invoked += 1
        event = f"{stream.user}-{stream.num_invoked}"
        key = f"http/{stream.user}"
        invoke = Invoke(event=event, user=stream.user, channel=stream.channel, key=key, seq=stream.num_invoked)
        self.history.add(invoke)
        fate = self._random.random()
        if fate < 0.05:
            self.history.add(Outcome(event=event, result="fail"))
            return
        stream.events.append(invoke)
        for client in stream.clients:
            if client.is_connected:
                self._deliver(stream, client, stream.top, "live")
        result: Literal["ok", "info"] = "info" if fate < 0.1 else "ok"
        self.history.add(
            Outcome(event=event, result=result, channel=stream.channel, epoch=stream.epoch, offset=stream.top)
        )

    def _deliver(self, stream: _Stream, client: _Client, offset: int, how: Literal["live", "recovered"]) -> None:
        event = stream.events[stream.first + offset - 1]
        is_new = event.event not in client.known
        client.known.add(event.event)
        client.epoch, client.offset = stream.epoch, offset
        self.history.add(
            Received(
                client=client.name,
                user=stream.user,
                channel=stream.channel,
                event=event.event,
                addressee=stream.user,
                key=event.key,
                seq=event.seq,
                epoch=stream.epoch,
                offset=offset,
                how=how,
                is_new=is_new,
            )
        )

    def _part(self, stream: _Stream) -> None:
        client = self._random.choice(stream.clients)
        if client.is_connected:
            client.is_connected = False
            self.history.add(Parted(client=client.name, what="connection", code=1006))

    def _return(self, stream: _Stream) -> None:
        for client in stream.clients:
            if not client.is_connected:
                self._subscribe(stream, client)

    def _subscribe(self, stream: _Stream, client: _Client) -> None:
        since_epoch, since_offset = client.epoch, client.offset
        recovered = bool(since_epoch) and since_epoch == stream.epoch
        missed = range(since_offset + 1, stream.top + 1) if recovered else range(0)
        self.history.add(
            Subscribed(
                client=client.name,
                channel=stream.channel,
                epoch=stream.epoch,
                offset=since_offset if recovered else stream.top,
                since_epoch=since_epoch,
                since_offset=since_offset,
                was_recovering=bool(since_epoch),
                recovered=recovered,
                num_publications=len(missed),
            )
        )
        client.is_connected, client.epoch = True, stream.epoch
        for offset in missed:
            self._deliver(stream, client, offset, "recovered")
        if not recovered:
            client.offset = stream.top
            self._reload(stream, client, is_first=not since_epoch)

    def _reload(self, stream: _Stream, client: _Client, *, is_first: bool) -> None:
        events = self.history.truth_of(stream.channel)
        client.known.update(events)
        self.history.add(
            Reloaded(
                client=client.name,
                channel=stream.channel,
                events=events,
                why="first" if is_first else "unrecovered",
            )
        )

    def _break(self, stream: _Stream) -> None:
        """All streams begin anew, and everybody is cut off."""
        self.history.add(Fault(name="redis killed", phase="begin", breaks_streams=True))
        for each in self._streams:
            each.epoch = f"e{int(each.epoch[1:]) + 1}"
            each.first = len(each.events)
            for client in each.clients:
                client.is_connected = False
        self.history.add(Fault(name="redis killed", phase="end", breaks_streams=True))

    def _end(self, stream: _Stream, client: _Client) -> None:
        if not client.is_connected:
            self._subscribe(stream, client)
        self.history.add(
            Final(
                client=client.name,
                user=stream.user,
                channel=stream.channel,
                epoch=client.epoch,
                offset=client.offset,
                top_epoch=stream.epoch,
                top_offset=stream.top,
            )
        )
