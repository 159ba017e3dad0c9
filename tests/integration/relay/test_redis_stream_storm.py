"""Two nodes on one stream while links, engine and nodes fail at random: everything once, in the order of the stream."""

from __future__ import annotations

import random
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING

import pytest

from hub.relay.redis import stream_reader
from hub.supervisor import Supervisor
from tests.lab.fault_proxy import fault_proxy_to
from tests.support.patience import PATIENCE_S, eventually
from tests.support.redis_streams import add_seqs, has_pending, stream_config, stream_source
from tests.support.relay_world import RelayWorld

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.relay.redis.streams import RedisStreamSource
    from tests.lab.fault_proxy import FaultProxy
    from tests.support.redis import RedisServer

KEYS = ("a", "b", "c")
STEPS = 25

COMMANDS = (b"XREADGROUP", b"XAUTOCLAIM", b"XACK", b"XREAD", b"XPENDING")
"""Whose reply may be lost."""


class Node:
    """A source behind a link of its own, which may be started anew."""

    def __init__(self, name: str, world: RelayWorld, server: RedisServer, proxy: FaultProxy) -> None:
        self.name = name
        self.proxy = proxy
        self._world = world
        self._config = stream_config(server, proxy.port, batch_size=5)
        self._stack = AsyncExitStack()
        self._lives = 0
        self.source: RedisStreamSource

    async def start(self) -> None:
        self._lives += 1
        self.source = stream_source(self._world, self._config, f"{self.name}-{self._lives}")
        supervisor = await self._stack.enter_async_context(Supervisor())
        supervisor.start("source", self.source.run())

    async def stop(self, *, is_orderly: bool) -> None:
        if is_orderly:
            await self.source.stop_intake()
        await self._stack.aclose()


@pytest.fixture(autouse=True)
def short_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that it changes hands while the storm lasts."""
    monkeypatch.setattr(stream_reader, "LEASE_MS", 1_500)


@pytest.mark.parametrize("seed", range(3))
async def test_f37_whatever_fails_entries_are_published_once_in_order(redis_server: RedisServer, seed: int) -> None:
    chance, world = random.Random(seed), RelayWorld()
    async with fault_proxy_to(redis_server.port) as one, fault_proxy_to(redis_server.port) as two:
        nodes = [Node("one", world, redis_server, one), Node("two", world, redis_server, two)]
        for node in nodes:
            await node.start()
        try:
            sent = await storm(chance, world, redis_server, nodes)
            world.engine.is_down = False
            for node in nodes:
                node.proxy.mend()
            for key, count in sent.items():
                await world.has_seqs(key, range(count), 6 * PATIENCE_S)
            await has_pending(redis_server, 0)
        finally:
            for node in nodes:
                await node.stop(is_orderly=False)
    for key, count in sent.items():
        assert await world.seqs(key) == list(range(count))


async def storm(chance: random.Random, world: RelayWorld, server: RedisServer, nodes: list[Node]) -> dict[str, int]:
    """What was added, by key."""
    sent = dict.fromkeys(KEYS, 0)
    for _ in range(STEPS):
        key = chance.choice(KEYS)
        count = chance.randint(1, 8)
        await add_seqs(server, key, range(sent[key], sent[key] + count))
        sent[key] += count
        node = chance.choice(nodes)
        await strike(chance, world, node)
        await some_way(chance, world)
    return sent


async def some_way(chance: random.Random, world: RelayWorld) -> None:
    """On to the next publication, or to the next blow if that is long in coming."""
    accepted = world.intake.num_accepted
    with suppress(AssertionError):
        await eventually(lambda: world.intake.num_accepted > accepted, chance.uniform(0, 0.6))


async def strike(chance: random.Random, world: RelayWorld, node: Node) -> None:
    faults: list[Callable[[], object]] = [
        node.proxy.reset,
        node.proxy.cut,
        node.proxy.blackhole,
        node.proxy.mend,
        node.proxy.mend,
        lambda: node.proxy.cut_reply_once(chance.choice(COMMANDS)),
        lambda: setattr(world.engine, "is_down", not world.engine.is_down),
        lambda: None,
    ]
    blow = chance.randrange(len(faults) + 2)
    if blow < len(faults):
        faults[blow]()
        return
    await node.stop(is_orderly=blow == len(faults))
    await node.start()


async def test_the_storm_has_thunder(redis_server: RedisServer) -> None:
    """That both nodes have been at work, and entries been taken over, with the same blows."""
    world = RelayWorld()
    async with fault_proxy_to(redis_server.port) as one, fault_proxy_to(redis_server.port) as two:
        nodes = [Node("one", world, redis_server, one), Node("two", world, redis_server, two)]
        for node in nodes:
            await node.start()
        try:
            world.engine.is_down = True
            await add_seqs(redis_server, "a", range(5))
            await eventually(lambda: world.intake.num_retries > 0)
            active = next(node for node in nodes if node.source.measures()["redis_active_streams.orders"])
            await active.stop(is_orderly=False)
            await active.start()
            world.engine.is_down = False
            await world.has_seqs("a", range(5))
            await eventually(lambda: sum(node.source.measures()["redis_taken_over.orders"] for node in nodes) > 0)
        finally:
            for node in nodes:
                await node.stop(is_orderly=False)
