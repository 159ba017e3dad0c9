"""A node's connection to Redis without the node: our bus, the engine on top of it, and redis-py for the same work.

Publishing: as many callers as a busy node has in one tick, each of which publishes again when its answer is there, to a
channel that nobody listens to. Receiving: what the bench feeds to one channel.

`python -m bench.parts.redis_bus <port> <which> <port of Redis>`
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec
import redis.asyncio

from bench.floors import on_request
from bench.floors.on_request import WorkOrder, WorkReport
from bench.floors.runtime import calm_garbage_collector, new_event_loop
from bench.load.message import message
from hub.clock import SystemClock
from hub.engine import PublishOptions
from hub.engines.redis.config import Address, RedisConfig
from hub.engines.redis.engine import RedisEngine, open_redis_engine
from hub.engines.redis.failures import ServerError
from hub.engines.redis.link import Link
from hub.engines.redis.opening import Credentials, open_link
from hub.engines.redis.subscriber import Subscriber
from hub.protocol.messages import ClientInfo, Publication, StreamPosition

CALLERS = 32
CHANNEL, NOBODY = "bench", "nobody"
MESSAGE_BYTES = 128

_TIMEOUT_S = 2.0

Take = Callable[[], object]
"""Told of each message that was received."""


class Ways(Protocol):
    """The two ways of a message."""

    async def open(self, port: int, take: Take) -> None:
        """Connect, and listen to CHANNEL."""
        ...

    def publish(self, data: bytes) -> Awaitable[object]:
        """To NOBODY; returns when Redis has answered."""
        ...


class OurBus:
    """The engine's own two connections."""

    name = CHANNEL.encode()
    slot = 0
    is_sharded = False

    async def open(self, port: int, take: Take) -> None:
        self._take = take
        self._is_attached = asyncio.Event()
        address, clock = Address("127.0.0.1", port), SystemClock()
        self._link = await open_link(address, Credentials(), _TIMEOUT_S, lambda: Link(clock, _TIMEOUT_S))
        subscriber = await open_link(
            address, Credentials(), _TIMEOUT_S, lambda: Subscriber(clock, _TIMEOUT_S, lambda: None)
        )
        subscriber.listen({self.name: self})
        subscriber.attach(self)
        await self._is_attached.wait()

    def publish(self, data: bytes) -> Awaitable[object]:
        return self._link.call(b"PUBLISH", NOBODY, data)

    def receive(self, data: bytes) -> None:  # noqa: ARG002 -- that it came is all that counts here
        self._take()

    def attached(self) -> None:
        self._is_attached.set()

    def detached(self) -> None:
        self._is_attached.clear()

    def refused(self, error: ServerError) -> None:
        raise error


class OurEngine:
    """The same with what a hub asks of it: positions, keys against repeats, deadlines."""

    def __init__(self, kept: PublishOptions) -> None:
        self._options = kept

    async def open(self, port: int, take: Take) -> None:
        config = RedisConfig(addresses=(Address("127.0.0.1", port),))
        opened = open_redis_engine(config, SystemClock(), node_uid="bench")
        self._engine: RedisEngine = await opened.__aenter__()  # for ever
        self._engine.bind(_Listener(take))
        self._tasks = [asyncio.ensure_future(work) for _, work in self._engine.tasks()]
        async with asyncio.timeout(_TIMEOUT_S):
            await self._engine.ready()
        await self._engine.subscribe(CHANNEL)

    async def publish(self, data: bytes) -> object:
        return await self._engine.publish(NOBODY, Publication(data=msgspec.Raw(data)), self._options)


class _Listener:
    """An EngineListener."""

    def __init__(self, take: Take) -> None:
        self._take = take

    def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:  # noqa: ARG002 -- the port's shape
        self._take()

    def on_join(self, channel: str, info: ClientInfo) -> None: ...

    def on_leave(self, channel: str, info: ClientInfo) -> None: ...

    def on_control(self, message: bytes) -> None: ...

    def on_lapse(self) -> None: ...


class RedisPy:
    """As its manual shows it: `listen` of a pub/sub, and a pool of connections."""

    async def open(self, port: int, take: Take) -> None:
        self._client = redis.asyncio.Redis(host="127.0.0.1", port=port)
        pubsub = self._client.pubsub(ignore_subscribe_messages=True)
        await pubsub.subscribe(CHANNEL)
        self._listening = asyncio.ensure_future(self._listen(pubsub, take))

    async def publish(self, data: bytes) -> object:
        return await self._client.publish(NOBODY, data)

    async def _listen(self, pubsub: redis.asyncio.client.PubSub, take: Take) -> None:
        async for _ in pubsub.listen():
            take()


class Worker:
    """Publishes for seconds, or takes messages, as it is asked to."""

    def __init__(self, ways: Ways) -> None:
        self._ways = ways
        self._taken = self._wanted = 0
        self._has_all = asyncio.Event()

    async def open(self, port: int) -> None:
        await self._ways.open(port, self._take)

    async def carry_out(self, order: WorkOrder) -> WorkReport:
        started_ns = time.monotonic_ns()
        done = await (self._received(order.messages) if order.messages else self._published(order.seconds))
        return WorkReport(done, (time.monotonic_ns() - started_ns) / 1e9)

    async def _published(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        return sum(await asyncio.gather(*(self._publish_until(deadline) for _ in range(CALLERS))))

    async def _publish_until(self, deadline: float) -> int:
        data, done = message(0, MESSAGE_BYTES), 0
        while time.monotonic() < deadline:
            await self._ways.publish(data)
            done += 1
        return done

    async def _received(self, messages: int) -> int:
        """Those that came before the order was read are of it: nothing was sent before it was."""
        self._wanted = messages
        if self._taken < messages:
            self._has_all.clear()
            await self._has_all.wait()
        self._taken -= messages
        return messages

    def _take(self) -> None:
        self._taken += 1
        if self._taken == self._wanted:
            self._has_all.set()


WAYS: dict[str, Callable[[], Ways]] = {
    "bus": OurBus,
    "engine": lambda: OurEngine(PublishOptions()),
    "engine-kept": lambda: OurEngine(PublishOptions(history_size=100, history_ttl_s=60)),
    "redis-py": RedisPy,
}


async def work(port: int, which: str, redis_port: int) -> None:
    worker = Worker(WAYS[which]())
    await worker.open(redis_port)
    calm_garbage_collector()
    await on_request.serve_on_loop(port, worker.carry_out)


def main() -> None:
    port, which, redis_port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    loop.run_until_complete(work(port, which, redis_port))


if __name__ == "__main__":
    main()
