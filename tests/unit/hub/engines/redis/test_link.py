"""A link and a subscriber without a server: what they write, and what they make of what comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from hub.engines.redis.failures import LinkLost, ServerError
from hub.engines.redis.link import MAX_RELOADS, Link
from hub.engines.redis.subscriber import MAX_NAMES_PER_COMMAND, Subscriber
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from hub.engines.redis.subscriber import Route


class Wire:
    """Stands for a transport: keeps what was written."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.is_aborted = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def set_write_buffer_limits(self, high: int) -> None: ...

    def abort(self) -> None:
        self.is_aborted = True


class Listening:
    """A Route that says what it was told."""

    def __init__(self, name: str, *, is_sharded: bool = False) -> None:
        self.name = name.encode()
        self.slot = 0
        self.is_sharded = is_sharded
        self.told: list[str] = []

    def receive(self, data: bytes) -> None:
        self.told.append(data.decode())
        if data == b"bad":
            raise RuntimeError("the listener's")

    def attached(self) -> None:
        self.told.append("<attached>")

    def detached(self) -> None:
        self.told.append("<detached>")

    def refused(self, error: ServerError) -> None:
        self.told.append(f"<{error.word}>")


def connected(link: Any) -> Wire:
    wire = Wire()
    link.connection_made(wire)
    return wire


def confirmation(verb: str, name: str) -> bytes:
    return b"*3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n:1\r\n" % (len(verb), verb.encode(), len(name), name.encode())


def message(name: str, data: str, verb: str = "message") -> bytes:
    return b"*3\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n" % (
        *(len(verb), verb.encode()),
        *(len(name), name.encode()),
        *(len(data), data.encode()),
    )


async def listening_to(*routes: Listening) -> tuple[Subscriber, Wire, dict[bytes, Route]]:
    subscriber = Subscriber(FakeClock(), 2, lambda: None)
    wire = connected(subscriber)
    table: dict[bytes, Route] = {route.name: route for route in routes}
    subscriber.listen(table)
    for route in routes:
        subscriber.attach(route)
    await asyncio.sleep(0)
    return subscriber, wire, table


class TestWriting:
    async def test_all_calls_of_a_tick_are_one_write(self) -> None:
        link = Link(FakeClock(), 2)
        wire = connected(link)
        calls = [link.call("ECHO", number) for number in range(3)]
        await asyncio.sleep(0)
        assert wire.written == [b"".join(b"*2\r\n$4\r\nECHO\r\n$1\r\n%d\r\n" % number for number in range(3))]
        link.data_received(b"$1\r\n0\r\n$1\r\n1\r\n")
        link.data_received(b"$1\r\n2\r")
        link.data_received(b"\n")
        assert await asyncio.gather(*calls) == [b"0", b"1", b"2"]
        link.close()

    async def test_a_cancelled_caller_leaves_its_place(self) -> None:
        link = Link(FakeClock(), 2)
        connected(link)
        first, second = link.call("ONE"), link.call("TWO")
        await asyncio.sleep(0)
        first.cancel()
        link.data_received(b"+one\r\n+two\r\n")
        assert await second == b"two"
        assert link.in_flight == 0
        link.close()


class TestForgottenScripts:
    async def test_are_loaded_and_what_was_refused_goes_first(self) -> None:
        link = Link(FakeClock(), 2)
        wire = connected(link)
        link.scripts = ["source"]
        calls = [link.call("EVALSHA", number) for number in range(3)]
        await asyncio.sleep(0)
        link.data_received(b"-NOSCRIPT no\r\n")
        calls.append(link.call("EVALSHA", 3))
        await asyncio.sleep(0)
        assert len(wire.written) == 1  # it waits for the answers to the rest
        link.data_received(b"-NOSCRIPT no\r\n-NOSCRIPT no\r\n")
        load = b"*3\r\n$6\r\nSCRIPT\r\n$4\r\nLOAD\r\n$6\r\nsource\r\n"
        again = b"".join(b"*2\r\n$7\r\nEVALSHA\r\n$1\r\n%d\r\n" % number for number in range(4))
        assert wire.written[1:] == [load + again]
        link.data_received(b"+sha\r\n:0\r\n:1\r\n:2\r\n:3\r\n")
        assert await asyncio.gather(*calls) == [0, 1, 2, 3]
        assert link.in_flight == 0
        link.close()

    async def test_time_and_again_end_the_link(self) -> None:
        link = Link(FakeClock(), 2)
        connected(link)
        link.scripts = ["source"]
        call = link.call("EVALSHA", "x")
        await asyncio.sleep(0)
        link.data_received(b"-NOSCRIPT no\r\n")
        for _ in range(MAX_RELOADS):
            assert not link.is_closed
            link.data_received(b"+sha\r\n-NOSCRIPT no\r\n")
        with pytest.raises(LinkLost, match="scripts"):
            await call

    async def test_now_and_then_do_not(self) -> None:
        link = Link(FakeClock(), 2)
        connected(link)
        link.scripts = ["source"]
        for _ in range(3 * MAX_RELOADS):
            call = link.call("EVALSHA", "x")
            await asyncio.sleep(0)
            link.data_received(b"-NOSCRIPT no\r\n")
            link.data_received(b"+sha\r\n:1\r\n")
            assert await call == 1
        link.close()


class TestSubscriber:
    async def test_what_changed_in_a_tick_is_sent_by_neighbours(self) -> None:
        news, sport = Listening("news"), Listening("sport")
        subscriber, wire, _ = await listening_to(news, sport)
        subscriber.detach(news)
        subscriber.attach(news)
        await asyncio.sleep(0)
        assert wire.written == [
            b"*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n$5\r\nsport\r\n",
            b"*2\r\n$11\r\nunsubscribe\r\n$4\r\nnews\r\n*2\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n",
        ]
        subscriber.close()

    async def test_very_many_are_several_commands(self) -> None:
        routes = [Listening(f"{number:04}") for number in range(MAX_NAMES_PER_COMMAND + 1)]
        subscriber, wire, _ = await listening_to(*routes)
        (written,) = wire.written
        assert written.count(b"subscribe") == 2
        subscriber.close()

    async def test_a_sharded_channel_has_a_command_of_its_own(self) -> None:
        """Several in one would have to be of one slot."""
        subscriber, wire, _ = await listening_to(Listening("a", is_sharded=True), Listening("b", is_sharded=True))
        assert wire.written == [b"*2\r\n$10\r\nssubscribe\r\n$1\r\na\r\n*2\r\n$10\r\nssubscribe\r\n$1\r\nb\r\n"]
        subscriber.close()

    async def test_messages_go_to_their_route(self) -> None:
        news, sport = Listening("news"), Listening("sport")
        subscriber, _, _ = await listening_to(news, sport)
        subscriber.data_received(confirmation("subscribe", "news") + message("news", "1") + message("else", "2"))
        subscriber.data_received(confirmation("subscribe", "sport") + message("sport", "3"))
        assert (news.told, sport.told) == (["<attached>", "1"], ["<attached>", "3"])
        assert subscriber.num_unconfirmed == 0
        subscriber.close()

    async def test_a_listener_that_fails_ends_nothing(self) -> None:
        news = Listening("news")
        subscriber, _, _ = await listening_to(news)
        subscriber.data_received(confirmation("subscribe", "news") + message("news", "bad") + message("news", "good"))
        assert news.told == ["<attached>", "bad", "good"]
        assert not subscriber.is_closed
        subscriber.close()

    @pytest.mark.parametrize(
        "unexpected",
        [
            confirmation("subscribe", "news"),
            confirmation("unsubscribe", "news"),
            confirmation("ssubscribe", "news"),
            b"+OK\r\n",
            b"-ERR what\r\n",
        ],
    )
    async def test_what_nobody_asked_for_is_a_doubt_about_everything(self, unexpected: bytes) -> None:
        subscriber, wire, _ = await listening_to(Listening("news"))
        subscriber.data_received(confirmation("subscribe", "news"))
        subscriber.data_received(unexpected)
        assert subscriber.is_closed
        assert wire.is_aborted

    async def test_confirmations_in_another_order_are_a_doubt(self) -> None:
        subscriber, _, _ = await listening_to(Listening("a"), Listening("b"))
        subscriber.data_received(confirmation("subscribe", "b"))
        assert subscriber.is_closed

    async def test_a_slot_that_moves_away_is_a_doubt_about_its_channels_alone(self) -> None:
        one, other = Listening("one", is_sharded=True), Listening("other", is_sharded=True)
        subscriber, _, _ = await listening_to(one, other)
        subscriber.data_received(confirmation("ssubscribe", "one") + confirmation("ssubscribe", "other"))
        subscriber.data_received(confirmation("sunsubscribe", "one") + confirmation("sunsubscribe", "unknown"))
        subscriber.data_received(message("other", "1", "smessage"))
        assert one.told == ["<attached>", "<detached>", "<MOVED>"]
        assert other.told == ["<attached>", "1"]
        assert not subscriber.is_closed
        subscriber.close()

    async def test_a_refused_channel_of_a_cluster_is_told_and_the_next_confirmed(self) -> None:
        one, other = Listening("one", is_sharded=True), Listening("other", is_sharded=True)
        subscriber, _, _ = await listening_to(one, other)
        subscriber.data_received(b"-MOVED 7 127.0.0.1:7000\r\n" + confirmation("ssubscribe", "other"))
        assert (one.told, other.told) == (["<MOVED>"], ["<attached>"])
        subscriber.close()

    async def test_refused_at_once_for_all_it_is_closed(self) -> None:
        """The error does not say which name it means."""
        subscriber, _, _ = await listening_to(Listening("one"), Listening("other"))
        subscriber.data_received(b"-NOPERM no\r\n")
        assert subscriber.is_closed

    async def test_who_was_replaced_meanwhile_is_not_told(self) -> None:
        before, after = Listening("news"), Listening("news")
        subscriber, _, table = await listening_to(before)
        subscriber.detach(before)
        table[b"news"] = after
        subscriber.attach(after)
        await asyncio.sleep(0)
        subscriber.data_received(confirmation("subscribe", "news") + confirmation("unsubscribe", "news"))
        assert (before.told, after.told) == ([], [])
        subscriber.data_received(confirmation("subscribe", "news"))
        assert (before.told, after.told) == ([], ["<attached>"])
        subscriber.close()


class TestOverdue:
    async def test_no_answer_in_time_ends_the_link(self) -> None:
        clock = FakeClock()
        link = Link(clock, 2)
        connected(link)
        call = link.call("PING")
        for _ in range(25):
            clock.advance(0.1)
            link._check_overdue()
        assert link.is_closed
        with pytest.raises(LinkLost, match="in time"):
            await call

    async def test_answered_ones_do_not_count(self) -> None:
        clock = FakeClock()
        link = Link(clock, 2)
        connected(link)
        for _ in range(50):
            call = link.call("PING")
            await asyncio.sleep(0)
            clock.advance(0.1)
            link._check_overdue()
            link.data_received(b"+PONG\r\n")
            await call
        assert not link.is_closed
        link.close()

    async def test_time_in_which_this_process_did_not_run_does_not_count(self) -> None:
        clock = FakeClock()
        link = Link(clock, 2)
        connected(link)
        call = link.call("PING")
        await asyncio.sleep(0)
        clock.advance(0.1)
        link._check_overdue()
        clock.advance(30)
        link._check_overdue()
        assert not link.is_closed
        link.data_received(b"+PONG\r\n")
        assert await call == b"PONG"
        link.close()
