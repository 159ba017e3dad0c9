"""The fault proxy does to a connection what it says, and nothing else."""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.lab.fault_proxy import Direction, FaultProxy, fault_proxy_to, sent
from tests.lab.toxics import Bandwidth, CorruptByte, Latency, Piece, Slicer, Stall, Toxic
from tests.support.patience import PATIENCE_S, eventually

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

HOST = "127.0.0.1"

BLOB = random.Random(1).randbytes(300_000)


class Echo:
    """A server that sends back whatever comes, and remembers it.

    Attributes:
        writers: of the connections it has.
    """

    def __init__(self) -> None:
        self.received = bytearray()
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while data := await reader.read(65_536):
                self.received += data
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            self.writers.remove(writer)
            writer.close()


class Client:
    """One connection through the proxy."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def receive(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(count)

    async def echoes(self, data: bytes) -> bool:
        self.send(data)
        return await self.receive(len(data)) == data

    async def is_reset(self) -> bool:
        """Whether the connection ends by RST; a wait that ends otherwise fails."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                await self.reader.read()
            except ConnectionResetError:
                return True
        return False

    async def hears_nothing(self) -> bool:
        """Whether nothing comes although the loop turned often enough for whatever was sent to come back."""
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await self.reader.read(1)
        return True

    def close(self) -> None:
        self.writer.transport.abort()


@pytest.fixture
async def echo() -> AsyncIterator[tuple[Echo, int]]:
    echo = Echo()
    server = await asyncio.start_server(echo.serve, HOST, 0)
    yield echo, server.sockets[0].getsockname()[1]
    server.close()
    for writer in tuple(echo.writers):
        writer.transport.abort()
    await eventually(lambda: not echo.writers)


@pytest.fixture
async def proxy(echo: tuple[Echo, int]) -> AsyncIterator[FaultProxy]:
    async with fault_proxy_to(echo[1], seed=7) as proxy:
        yield proxy


@asynccontextmanager
async def connected(proxy: FaultProxy) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection(HOST, proxy.port))
    try:
        yield client
    finally:
        client.close()


async def test_forwards_everything_both_ways(proxy: FaultProxy) -> None:
    async with connected(proxy) as client:
        assert await client.echoes(BLOB)
    assert proxy.num_accepted == 1


async def test_a_connection_that_ends_in_order_ends_so_on_the_other_side(
    proxy: FaultProxy, echo: tuple[Echo, int]
) -> None:
    async with connected(proxy) as client:
        client.send(b"goodbye")
        client.writer.write_eof()
        assert await client.receive(7) == b"goodbye"
        assert not await client.is_reset()
    await eventually(lambda: not echo[0].writers and not proxy.links)


async def test_cut_resets_what_is_open_and_what_is_new_until_mended(proxy: FaultProxy) -> None:
    async with connected(proxy) as client:
        assert await client.echoes(b"one")
        proxy.cut()
        assert await client.is_reset()
        async with connected(proxy) as second:
            assert await second.is_reset()
    proxy.mend()
    async with connected(proxy) as third:
        assert await third.echoes(b"three")
    assert proxy.num_accepted == 2


async def test_refuses_and_listens_again_on_the_same_port(proxy: FaultProxy) -> None:
    async with connected(proxy) as client:
        assert await client.echoes(b"one")
        await proxy.refuse()
        assert await client.is_reset()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(HOST, proxy.port)
    await proxy.heal()
    async with connected(proxy) as second:
        assert await second.echoes(b"two")


async def test_a_black_hole_takes_everything_and_answers_nobody(proxy: FaultProxy, echo: tuple[Echo, int]) -> None:
    async with connected(proxy) as before:
        assert await before.echoes(b"before")
        proxy.blackhole()
        async with connected(proxy) as during:
            before.send(b"gone")
            during.send(b"gone")
            assert await before.hears_nothing()
            assert await during.hears_nothing()
            assert bytes(echo[0].received) == b"before"
            proxy.mend()  # neither can go on: bytes are missing
            assert await before.is_reset()
            assert await during.is_reset()


@pytest.mark.parametrize(("direction", "arrives"), [(Direction.UP, b""), (Direction.DOWN, b"question")])
async def test_half_open_swallows_one_direction(
    proxy: FaultProxy, echo: tuple[Echo, int], direction: Direction, arrives: bytes
) -> None:
    async with connected(proxy) as client:
        await eventually(lambda: len(echo[0].writers) == 1)
        proxy.half_open(direction)
        client.send(b"question")
        assert await client.hears_nothing()
        assert bytes(echo[0].received) == arrives


async def test_a_predicate_spares_the_other_connections(proxy: FaultProxy) -> None:
    async with connected(proxy) as subscriber, connected(proxy) as other:
        assert await subscriber.echoes(b"SUBSCRIBE news")
        assert await other.echoes(b"PING")
        assert proxy.reset(sent(b"SUBSCRIBE")) == 1
        assert await subscriber.is_reset()
        assert await other.echoes(b"PING")


async def test_cuts_the_reply_of_a_request_that_was_done(proxy: FaultProxy, echo: tuple[Echo, int]) -> None:
    async with connected(proxy) as client, connected(proxy) as other:
        assert await client.echoes(b"GET 1")
        has_sprung = proxy.cut_reply_once(b"SET")
        assert await other.echoes(b"GET 2")  # not what it waits for
        client.send(b"SET 1")
        assert await client.is_reset()
        assert has_sprung.is_set()
        assert b"SET 1" in echo[0].received
        assert await other.echoes(b"SET 2")  # once


async def test_a_stall_delays_and_loses_nothing(proxy: FaultProxy, echo: tuple[Echo, int]) -> None:
    async with connected(proxy) as client:
        assert await client.echoes(b"before")
        proxy.add(Stall())
        client.send(b"during")
        assert await client.hears_nothing()
        assert bytes(echo[0].received) == b"before"
        proxy.mend()
        assert await client.receive(6) == b"during"
        assert await client.echoes(b"after")


async def test_one_toxic_is_removed_and_the_others_stay(proxy: FaultProxy) -> None:
    remove = proxy.add(Stall(), Direction.DOWN)
    proxy.add(Slicer(), Direction.UP)
    async with connected(proxy) as client:
        client.send(b"held")
        assert await client.hears_nothing()
        remove()
        assert await client.receive(4) == b"held"


@pytest.mark.parametrize(
    "toxic",
    [Latency(0.01, 0.01), Bandwidth(3_000_000), Slicer(1, 7), Slicer(100, 10_000, pause_s=0.0001)],
    ids=lambda toxic: type(toxic).__name__,
)
async def test_what_is_late_slow_or_sliced_is_whole_and_in_order(proxy: FaultProxy, toxic: Toxic) -> None:
    proxy.add(toxic)
    async with connected(proxy) as client:
        assert await client.echoes(BLOB[:100_000])
        client.send(b"last")
        client.writer.write_eof()  # the end does not overtake what is on its way
        assert await client.receive(4) == b"last"


async def test_corrupts_one_byte(proxy: FaultProxy) -> None:
    proxy.add(CorruptByte(), Direction.DOWN)
    async with connected(proxy) as client:
        client.send(b"a" * 100)
        received = await client.receive(100)
        assert sum(byte != ord("a") for byte in received) == 1
        assert await client.echoes(b"b" * 100)


async def test_a_sender_is_not_read_from_while_too_much_is_held(proxy: FaultProxy) -> None:
    async with connected(proxy) as client:
        assert await client.echoes(b"before")
        proxy.add(Stall(), Direction.UP)
        chunk = bytes(1 << 20)
        for _ in range(12):
            client.send(chunk)
        await eventually(lambda: client.writer.transport.get_write_buffer_size() > 1 << 20)
        proxy.mend()
        assert await client.receive(len(chunk) * 12) == chunk * 12


async def test_nobody_behind_it_is_a_reset(proxy: FaultProxy) -> None:
    proxy.target_port = 1
    async with connected(proxy) as client:
        assert await client.is_reset()


class Flow:
    """Implements toxics.Flow."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.busy_until_s = 0.0

    def has_lost_bytes(self) -> None:
        raise AssertionError("nothing here loses bytes")


SHAPING = st.one_of(
    st.builds(Latency, st.floats(0, 2), st.floats(0, 3)),
    st.builds(Bandwidth, st.integers(1, 10_000)),
    st.builds(Slicer, st.just(1), st.integers(1, 9), st.floats(0, 1)),
)


@given(toxic=SHAPING, seed=st.integers(), data=st.binary(min_size=1, max_size=200), due_s=st.floats(0, 100))
def test_shaping_keeps_every_byte_and_a_seed_repeats_it(toxic: Toxic, seed: int, data: bytes, due_s: float) -> None:
    pieces = list(toxic.apply(Piece(due_s, data), Flow(seed)))
    assert b"".join(piece.data for piece in pieces) == data
    assert all(piece.due_s >= due_s and piece.data for piece in pieces)
    assert pieces == list(toxic.apply(Piece(due_s, data), Flow(seed)))
