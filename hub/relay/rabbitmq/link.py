"""One connection to the broker, with deadlines of our own.

The driver finds out in three heartbeats (33 s) that nobody answers, and closes a connection only in good order: with a
frozen broker, never. So a link is asked for a sign of life every ECHO_INTERVAL_S, and in the end its socket is cut.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from random import randrange
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode, urlsplit, urlunsplit

import aiormq
from aiormq.connection import TCPTransportFactory, TLSTransportFactory, TransportFactory

from hub.engines.redis.config import TlsConfig
from hub.engines.redis.tls import ssl_context
from hub.relay.rabbitmq.failures import LinkLost, losing_the_link

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable

    from aiormq.abc import AbstractChannel

    from hub.relay.rabbitmq.config import RabbitConnectionConfig

T = TypeVar("T")

OPEN_DEADLINE_S = 5.0
"""For the connection with everything that comes before its first channel."""

CALL_DEADLINE_S = 5.0
"""For one question to the broker."""

CLOSE_DEADLINE_S = 1.0
"""For a close in good order, before the socket is cut."""

ECHO_INTERVAL_S = 5.0

FRAME_BUFFER = 256
"""Frames of a channel that the driver may hold: three make a message."""

# The driver writes a line, some with a stack, for each connection that ends; what ends is reported by whoever uses the
# link, with a name, a reason and a limit of one line a second.
logging.getLogger("aiormq").setLevel(logging.CRITICAL)


class Link:
    """One connection that works, or did."""

    def __init__(self, connection: aiormq.Connection, wire: _Wire) -> None:
        self._connection = connection
        self._wire = wire
        self._pulse: AbstractChannel | None = None

    async def channel(self, *, confirms: bool = False) -> AbstractChannel:
        """A new channel.

        Raises:
            LinkLost
        """
        opening = self._connection.channel(publisher_confirms=confirms, frame_buffer_size=FRAME_BUFFER)
        return await call("opening a channel", opening)

    async def is_blocked(self) -> bool:
        """The broker takes no publications now: it is short of memory or disk, and has stopped reading from us."""
        try:
            async with asyncio.timeout(0):
                await self._connection.ready()
        except TimeoutError:
            return True
        return False

    async def unblocked(self) -> None:
        """Wait until the broker takes publications."""
        await self._connection.ready()

    async def echo(self) -> None:
        """Ask for a sign of life. A blocked link cannot give one.

        Raises:
            LinkLost: none came.
        """
        if await self.is_blocked():
            return
        try:
            if self._pulse is None:
                self._pulse = await self.channel()
            await call(
                "asking for a sign of life", self._pulse.basic_qos(prefetch_count=1)
            )  # anybody may, to no effect
        except LinkLost:
            self._pulse = None
            if not await self.is_blocked():
                raise

    async def keep(self, *channels: AbstractChannel) -> None:
        """Ask again and again.

        Raises:
            LinkLost: the connection or one of these channels has ended, or no answer came.
        """
        while True:
            await self.rest(ECHO_INTERVAL_S, *channels)
            await self.echo()

    async def rest(self, duration_s: float, *channels: AbstractChannel) -> None:
        """Sleep.

        Raises:
            LinkLost: the connection or one of these channels ended meanwhile.
        """
        endings = [self._connection.closing, *(channel.closing for channel in channels)]
        try:
            await asyncio.wait(endings, timeout=duration_s, return_when=asyncio.FIRST_COMPLETED)
            for ending in endings:
                if ending.done():
                    raise LinkLost(_reason(ending))
        finally:
            for ending in endings:
                ending.cancel()

    def cut(self) -> None:
        """End it at once, with a reset: whoever waits for something of it sees LinkLost."""
        self._wire.cut()

    async def close(self) -> None:
        """In good order if the broker answers; gone in any case."""
        try:
            with suppress(Exception):
                async with asyncio.timeout(CLOSE_DEADLINE_S):
                    await self._connection.close()
        finally:
            self._wire.cut()


class _Wire(TransportFactory):
    """Opens the socket for the driver, and keeps hold of it."""

    def __init__(self, *, is_encrypted: bool) -> None:
        self._factory: TransportFactory = TLSTransportFactory() if is_encrypted else TCPTransportFactory()
        self._writer: asyncio.StreamWriter | None = None

    async def create(self, url: Any, **kwargs: Any) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, self._writer = await self._factory.create(url, **kwargs)
        return reader, self._writer

    def cut(self) -> None:
        if self._writer is not None:
            self._writer.transport.abort()


@asynccontextmanager
async def open_link(config: RabbitConnectionConfig, name: str) -> AsyncIterator[Link]:
    """A link for as long as the block runs.

    Args:
        name: what operators see the connection as in the broker's lists.

    Raises:
        LinkLost: no node could be reached in time, or it refused us.
    """
    link = await _open_any(config, name)
    try:
        yield link
    finally:
        await link.close()


async def _open_any(config: RabbitConnectionConfig, name: str) -> Link:
    first = randrange(len(config.urls))  # spreads connections over nodes; nothing secret depends on it
    *others, last = config.urls[first:] + config.urls[:first]
    for url in others:
        with suppress(LinkLost):
            return await _open(config, url, name)
    return await _open(config, last, name)


async def _open(config: RabbitConnectionConfig, url: str, name: str) -> Link:
    is_encrypted = url.startswith("amqps:")
    wire = _Wire(is_encrypted=is_encrypted)
    with losing_the_link(f"connecting to {urlsplit(url).hostname}"):
        encryption = _encryption(config.tls or TlsConfig()) if is_encrypted else {}
        connection = aiormq.Connection(_address(config, url, name), transport_factory=wire, **encryption)
        try:
            async with asyncio.timeout(OPEN_DEADLINE_S):
                await connection.connect()
        except BaseException:
            wire.cut()
            raise
    return Link(connection, wire)


def _encryption(tls: TlsConfig) -> dict[str, Any]:
    server_name = {"server_hostname": tls.server_name} if tls.server_name else {}
    return {"context": ssl_context(tls), **server_name}


def _address(config: RabbitConnectionConfig, url: str, name: str) -> str:
    query = urlencode({"heartbeat": str(config.heartbeat_s), "name": name})
    return urlunsplit(urlsplit(url)._replace(query=query))


def _reason(ending: asyncio.Future[Any]) -> str:
    if ending.cancelled():
        return "closed"
    failure = ending.exception()
    return str(failure) or type(failure).__name__


async def call(doing: str, answer: Awaitable[T]) -> T:
    """Await an answer of the broker, within the deadline for one question.

    Raises:
        LinkLost
    """
    with losing_the_link(doing):
        async with asyncio.timeout(CALL_DEADLINE_S):
            return await answer
