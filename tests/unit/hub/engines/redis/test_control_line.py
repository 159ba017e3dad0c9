"""Control messages are handed over once, in order, and none is passed over, whatever the links do meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest_asyncio

from hub.engines.redis import control_line
from hub.engines.redis.complaints import redis_complaints
from hub.engines.redis.control_line import MAX_HELD, ControlLine
from hub.engines.redis.keys import Keys
from tests.support.clock import FakeClock
from tests.support.patience import eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from hub.engines.redis.buses import Buses, Call
    from hub.engines.redis.subscriber import Route


class Server:
    """The stream, and a doorbell that rings only while the link is there. Stands in for Buses."""

    def __init__(self) -> None:
        self.log: list[tuple[bytes, bytes]] = []
        self.route: Route | None = None
        self.is_attached = False
        self.answers = asyncio.Event()
        self.answers.set()

    def say(self, message: bytes) -> None:
        raw_id = b"%d-0" % (len(self.log) + 1)
        self.log.append((raw_id, message))
        if self.is_attached and self.route is not None:
            self.route.receive(raw_id + b"\n" + message)

    def attach(self, route: Route) -> None:
        self.route = route
        self.restore()

    def cut(self) -> None:
        assert self.route is not None
        self.is_attached = False
        self.route.detached()

    def restore(self) -> None:
        assert self.route is not None
        self.is_attached = True
        self.route.attached()

    async def call(self, call: Call) -> object:
        """What the stream says at once; when that arrives, the test decides."""
        answer = self._answer(str(call.args[0]), int(call.args[1]))
        await asyncio.sleep(0)
        await self.answers.wait()
        return answer

    def _answer(self, since: str, limit: int) -> list[object]:
        start = 0 if since == "+" else int(since[1:].partition("-")[0])
        entries = [[raw_id, [b"m", message, b"r", b"life"]] for raw_id, message in self.log[start : start + limit]]
        top = self.log[-1][0] if self.log else b"0-0"
        return [b"life", self.log[0][0] if self.log else b"0-0", top, entries]


class World:
    def __init__(self) -> None:
        self.server = Server()
        self.heard: list[bytes] = []
        self.line = ControlLine(
            Keys("test"),
            cast("Buses", self.server),
            redis_complaints(FakeClock()),
            self.heard.append,
            is_sharded=False,
        )

    async def settled(self) -> None:
        """As much as there is to do without another answer is done."""
        for _ in range(20):
            await asyncio.sleep(0)


@pytest_asyncio.fixture
async def world() -> AsyncIterator[World]:
    world = World()
    running = asyncio.create_task(world.line.run())
    await eventually(lambda: world.line.is_listening)
    yield world
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_a_link_that_is_lost_while_the_stream_is_read_costs_no_message(world: World) -> None:
    """What was said between the loss and the next link is before what that link brings first."""
    server = world.server
    server.cut()
    server.restore()
    server.answers.clear()
    await world.settled()  # the stream is being read, its answer is under way
    server.cut()
    server.say(b"unheard")
    server.answers.set()
    await world.settled()
    assert not world.line.is_listening
    server.restore()
    server.say(b"heard")
    await eventually(lambda: len(world.heard) == 2)
    assert world.heard == [b"unheard", b"heard"]


async def test_an_old_answer_that_comes_after_the_next_link_costs_no_message(world: World) -> None:
    server = world.server
    server.cut()
    server.restore()
    server.answers.clear()
    await world.settled()
    server.cut()
    server.say(b"unheard")
    server.restore()
    server.say(b"heard")
    server.answers.set()
    await eventually(lambda: len(world.heard) == 2)
    assert world.heard == [b"unheard", b"heard"]


async def test_more_than_can_be_held_back_comes_from_the_stream(world: World) -> None:
    server = world.server
    server.cut()
    server.restore()
    server.answers.clear()
    await world.settled()
    said = [b"%d" % number for number in range(MAX_HELD + 500)]
    for message in said:
        server.say(message)
    server.answers.set()
    await world.settled()
    server.say(b"last")
    await eventually(lambda: len(world.heard) > len(said))
    assert world.heard == [*said, b"last"]


async def test_with_pages_of_one_everything_is_read(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_line, "PAGE_SIZE", 1)
    server = world.server
    server.cut()
    for number in range(5):
        server.say(b"%d" % number)
    server.restore()
    await eventually(lambda: len(world.heard) == 5)
    assert world.heard == [b"0", b"1", b"2", b"3", b"4"]
