"""A feed on a connection that comes and goes, over a stream that is trimmed, forgotten and begun anew."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Raw

from hub.engines.redis.catch_up import CatchUp
from hub.engines.redis.complaints import redis_complaints
from hub.engines.redis.envelopes import Envelope, encode
from hub.engines.redis.feeds import MAX_HELD, Feed, FeedContext
from hub.engines.redis.keys import Keys
from hub.errors import EngineUnavailable
from hub.protocol.messages import ClientInfo, Publication, StreamPosition
from tests.support.clock import FakeClock
from tests.support.recording_listener import RecordingListener

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.engines.redis.buses import Call

CHANNEL = "news"


class Server:
    """One stream, and the one who listens to it. Stands for Buses.

    Attributes:
        healed: what was heard once everything was well again, and before anything new was published.
    """

    def __init__(self) -> None:
        self.listener = RecordingListener()
        self.context = FeedContext(redis_complaints(FakeClock()), is_sharded=False)
        self.context.listener = self.listener
        self.catch_up = CatchUp(self, self.context, FakeClock())  # type: ignore[arg-type]  # all that is called is `call`
        self.feed = Feed(CHANNEL, Keys("test").of(CHANNEL), self.context)
        self.is_up = True
        self.is_listening = True
        self.epoch_number = 1
        self.base = 0
        self.top = 0
        self.log: list[tuple[int, str]] = []
        self.published: list[StreamPosition] = []
        self.stream_of = {self.epoch: 1}  # several epochs of one stream count on; one that was forgotten starts over
        self.gone: set[tuple[int, int]] = set()
        self.unkept = 0
        self.healed: list[StreamPosition] = []
        self.feed.attached()

    @property
    def epoch(self) -> str:
        return f"epoch-{self.epoch_number}"

    def place_of(self, position: StreamPosition) -> tuple[int, int]:
        return self.stream_of[position.epoch], position.offset

    async def call(self, call: Call) -> list[Any]:
        """Reads the log at some moment between the call and its answer."""
        await asyncio.sleep(0)
        if not self.is_up:
            raise EngineUnavailable
        since, limit = call.args
        assert isinstance(since, int)
        assert isinstance(limit, int)
        entries = [[f"{offset}-0".encode(), [b"p", data.encode()]] for offset, data in self.log if offset > since]
        answer = [self.epoch.encode() if self.top else b"", str(self.base).encode(), entries[:limit]]
        await asyncio.sleep(0)
        return answer

    def publish(self) -> None:
        self.top += 1
        self.log.append((self.top, f'{{"data":{self.top}}}'))
        self.published.append(StreamPosition(self.top, self.epoch))
        self._tell(Envelope(self.top, self.epoch, Publication(Raw(b"%d" % self.top))))

    def publish_unkept(self) -> None:
        self.unkept += 1
        self._tell(Envelope(p=Publication(Raw(b"%d" % self.unkept))))

    def _tell(self, envelope: Envelope) -> None:
        if self.is_listening:
            self.feed.receive(encode(envelope))

    def disconnect(self) -> None:
        self.is_listening = False
        self.feed.detached()

    def connect(self) -> None:
        self.is_listening = True
        self.feed.attached()

    def trim(self) -> None:
        self.gone.update((self.stream_of[self.epoch], offset) for offset, _ in self.log)
        self.log = []

    def live_again(self) -> None:
        """Restarted with what it had: the same log in another epoch."""
        stream = self.stream_of[self.epoch]
        self.epoch_number += 1
        self.stream_of[self.epoch] = stream
        self.base = self.top

    def forget(self) -> None:
        self.trim()
        self.epoch_number += 1
        self.stream_of[self.epoch] = self.epoch_number
        self.base = self.top = 0

    def read(self) -> None:
        """Somebody reads history."""
        if self.top and self.is_listening and self.feed.learn(StreamPosition(self.top, self.epoch)):
            self.feed.hold()
            self.catch_up.add(self.feed)


ACTIONS: dict[str, Callable[[Server], None]] = {
    "publish": Server.publish,
    "publish_unkept": Server.publish_unkept,
    "disconnect": Server.disconnect,
    "connect": Server.connect,
    "trim": Server.trim,
    "live_again": Server.live_again,
    "forget": Server.forget,
    "read": Server.read,
    "fail": lambda server: setattr(server, "is_up", False),
    "recover": lambda server: setattr(server, "is_up", True),
    "wait": lambda _: None,
}

LIKELY = ["publish"] * 6 + ["wait"] * 4 + ["disconnect", "connect"] * 2


def positions(listener: RecordingListener) -> list[StreamPosition]:
    return [delivery.position for delivery in listener.publications if delivery.position is not None]


async def play(names: list[str], monkeypatch: pytest.MonkeyPatch) -> Server:
    """Do all that, then let everything heal and wait until it has."""
    monkeypatch.setattr("hub.engines.redis.catch_up.RETRY_S", 0)
    server = Server()
    running = asyncio.create_task(server.catch_up.run())
    for name in names:
        ACTIONS[name](server)
        if name == "wait":
            await asyncio.sleep(0)
    server.is_up = True
    server.connect()
    for _ in range(1_000):
        await asyncio.sleep(0)
        if server.feed.held is None and not server.catch_up:
            break
    server.healed = positions(server.listener)
    server.publish()
    for _ in range(100):
        await asyncio.sleep(0)
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    return server


@given(names=st.lists(st.sampled_from([*ACTIONS, *LIKELY]), max_size=60))
@settings(max_examples=400, deadline=None)
def test_whatever_happens_nothing_is_swapped_repeated_or_silently_missed(names: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        server = asyncio.run(play(["publish", *names], monkeypatch))
    heard = positions(server.listener)
    of_last_epoch = {position for position in server.published[:-1] if position.epoch == server.epoch}
    assert {server.place_of(position) for position in of_last_epoch - set(server.healed)} <= server.gone
    assert server.feed.held is None
    assert server.context.num_held == 0
    assert heard[-1] == StreamPosition(server.top, server.epoch)
    for before, after in pairwise(heard):
        if before.epoch == after.epoch:
            assert after.offset > before.offset
            between = range(before.offset + 1, after.offset)
            assert {(server.stream_of[after.epoch], offset) for offset in between} <= server.gone
        else:
            assert int(before.epoch.removeprefix("epoch-")) < int(after.epoch.removeprefix("epoch-"))
    unkept = [int(bytes(one.publication.data or b"")) for one in server.listener.publications if one.position is None]
    assert unkept == sorted(set(unkept))


@given(names=st.lists(st.sampled_from(["publish", "publish", "wait", "disconnect", "connect", "read"]), max_size=60))
@settings(max_examples=200, deadline=None)
def test_while_the_stream_keeps_everything_nothing_is_missed_from_the_first_on(names: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        server = asyncio.run(play(["publish", *names], monkeypatch))
    assert server.healed == server.published[:-1]
    assert positions(server.listener) == server.published


@pytest.mark.parametrize("num_waits", range(10))
async def test_a_doubt_while_the_stream_is_read_has_it_read_again(
    num_waits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    outage = ["disconnect", "publish", "connect"]
    server = await play(["publish", *outage, *["wait"] * num_waits, *outage], monkeypatch)
    assert server.healed == server.published[:-1]


async def test_more_than_can_be_held_back_is_read_from_the_stream() -> None:
    server = Server()
    server.publish()
    server.disconnect()
    server.connect()
    for _ in range(MAX_HELD + 50):
        server.publish()
    assert server.context.num_held == MAX_HELD
    running = asyncio.create_task(server.catch_up.run())
    for _ in range(200):
        await asyncio.sleep(0)
    running.cancel()
    assert positions(server.listener) == server.published
    assert server.context.num_held == 0


async def test_more_without_history_than_can_be_held_back_is_lost_and_counted() -> None:
    server = Server()
    server.publish()
    server.disconnect()
    server.connect()
    for _ in range(MAX_HELD + 50):
        server.publish_unkept()
    assert server.context.complaints.counts["redis_message_lost"] == 50


async def test_joins_and_leaves_wait_with_the_rest() -> None:
    server = Server()
    server.publish()
    server.disconnect()
    server.connect()
    ann = ClientInfo("ann", "client-1")
    server.feed.receive(encode(Envelope(j=ann)))
    server.publish()
    server.feed.receive(encode(Envelope(l=ann)))
    assert server.listener.joins == []
    running = asyncio.create_task(server.catch_up.run())
    await server.listener.until(lambda heard: bool(heard.leaves))
    running.cancel()
    assert (server.listener.joins, server.listener.leaves) == ([(CHANNEL, ann)], [(CHANNEL, ann)])
    assert positions(server.listener) == server.published


async def test_a_listener_that_fails_once_is_told_the_next_one_all_the_same() -> None:
    server = Server()
    server.publish()
    server.disconnect()
    for _ in range(3):
        server.publish()
    failing = FailingListener()
    server.context.listener = server.listener = failing
    server.connect()
    running = asyncio.create_task(server.catch_up.run())
    await failing.until(lambda heard: len(heard.publications) == 2)
    running.cancel()
    assert [position.offset for position in positions(failing)] == [3, 4]
    assert failing.has_failed


class FailingListener(RecordingListener):
    has_failed = False

    def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:
        if not self.has_failed:
            self.has_failed = True
            raise RuntimeError("once")
        super().on_publication(channel, publication, position)
