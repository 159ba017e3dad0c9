"""Finding the primaries of real servers: behind Sentinel, in a cluster, through TLS; while they move and die."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import pytest

from hub.clock import SystemClock
from hub.engines.redis.config import Address, RedisConfig, SentinelConfig
from hub.engines.redis.discovery import choose_topology
from hub.engines.redis.keys import Keys
from hub.engines.redis.link import Link
from hub.engines.redis.opening import Credentials, open_link
from hub.engines.redis.topology import NUM_SLOTS, WrongServer
from hub.errors import EngineUnavailable
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.redis_cluster import redis_cluster as running_redis_cluster
from tests.support.redis_engines import IO_TIMEOUT_S, cluster_config, running_engine, sentinel_config, server_config

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.engines.redis.topology import ServerMap, Topology
    from tests.support.redis import RedisServer
    from tests.support.redis_cluster import RedisCluster
    from tests.support.redis_sentinel import SentinelGroup


@asynccontextmanager
async def topology_of(config: RedisConfig) -> AsyncIterator[Topology]:
    topology = choose_topology(config, SystemClock())
    try:
        yield topology
    finally:
        await topology.close()


@asynccontextmanager
async def link_to(server: RedisServer) -> AsyncIterator[Link]:
    link = await open_link(address_of(server), Credentials(), 5, lambda: Link(SystemClock(), 5))
    try:
        yield link
    finally:
        link.close()


def address_of(server: RedisServer) -> Address:
    return Address(server.host, server.port)


# --- Sentinel ---------------------------------------------------------------------------------------------------------


async def test_sentinels_name_the_primary(redis_sentinel: SentinelGroup) -> None:
    async with topology_of(sentinel_config(redis_sentinel)) as topology:
        found = await topology.locate()
        assert found.primaries == (address_of(await redis_sentinel.primary()),)
        assert found.of(0) == found.of(NUM_SLOTS - 1) == found.primaries[0]


async def test_one_frozen_sentinel_of_three_does_not_delay_the_answer(redis_sentinel: SentinelGroup) -> None:
    frozen = redis_sentinel.sentinels[0]
    async with topology_of(sentinel_config(redis_sentinel)) as topology:
        frozen.pause()
        try:
            found = await topology.locate()
        finally:
            frozen.resume()
    assert found.primaries == (address_of(await redis_sentinel.primary()),)


async def test_after_a_failover_the_new_primary_is_found_though_one_sentinel_has_not_heard(
    own_redis_sentinel: SentinelGroup,
) -> None:
    group = own_redis_sentinel
    async with topology_of(sentinel_config(group)) as topology:
        old = (await topology.locate()).primaries
        group.sentinels[2].pause()  # it has missed the election
        await group.fail_over()
        new = (await topology.locate()).primaries
        group.sentinels[2].resume()
    assert new != old
    assert new == (address_of(await group.primary()),)


async def test_whoever_has_seen_the_latest_election_is_believed_whatever_the_first_to_answer_says() -> None:
    async with _sentinel_saying(epoch=7, port=1001) as first, _sentinel_saying(epoch=8, port=1002) as second:
        sentinel = SentinelConfig(addresses=(first, second, Address("127.0.0.1", free_port())), master_name="main")
        async with topology_of(RedisConfig(sentinel=sentinel)) as topology:
            assert (await topology.locate()).primaries == (Address("127.0.0.1", 1002),)


class _Saying(asyncio.Protocol):
    """Has an answer to some words, and none to others."""

    def __init__(self, answers: dict[bytes, bytes], ended: asyncio.Event) -> None:
        self._answers = answers
        self._ended = ended

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for word in data.split(b"\r\n"):
            self._transport.write(self._answers.get(word, b""))

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended.set()


@asynccontextmanager
async def _sentinel_saying(epoch: int, port: int) -> AsyncIterator[Address]:
    """Answers as a sentinel would, on one connection."""
    answers = {
        b"PING": b"+PONG\r\n",
        b"GET-MASTER-ADDR-BY-NAME": _packed("127.0.0.1", str(port)),
        b"MASTER": _packed("name", "main", "config-epoch", str(epoch)),
    }
    ended = asyncio.Event()
    server = await asyncio.get_running_loop().create_server(lambda: _Saying(answers, ended), "127.0.0.1", 0)
    async with server:
        yield Address("127.0.0.1", server.sockets[0].getsockname()[1])
        await ended.wait()


def _packed(*texts: str) -> bytes:
    return b"*%d\r\n" % len(texts) + b"".join(b"$%d\r\n%s\r\n" % (len(text), text.encode()) for text in texts)


async def test_a_replica_is_refused(redis_sentinel: SentinelGroup) -> None:
    [replica] = await redis_sentinel.replicas()
    async with topology_of(sentinel_config(redis_sentinel)) as topology:
        async with link_to(await redis_sentinel.primary()) as link:
            await topology.vet(link)
        async with link_to(replica) as link:
            with pytest.raises(WrongServer, match="slave"):
                await topology.vet(link)


async def test_nobody_to_ask_is_said_with_who_was_asked() -> None:
    port = free_port()
    config = sentinel_config(_Nobody(port))  # type: ignore[arg-type]  # it has what the function reads
    async with topology_of(config) as topology:
        with pytest.raises(EngineUnavailable, match=str(port)):
            await topology.locate()


async def test_sentinels_that_know_no_such_primary_say_so(redis_sentinel: SentinelGroup) -> None:
    group = _Named(redis_sentinel)
    async with topology_of(sentinel_config(group)) as topology:  # type: ignore[arg-type]  # it has what is read
        with pytest.raises(EngineUnavailable, match="nobody-of-this-name"):
            await topology.locate()


class _Named:
    """Another name for the primary of a group."""

    name = "nobody-of-this-name"

    def __init__(self, group: SentinelGroup) -> None:
        self.sentinels = group.sentinels


class _Nobody:
    """A sentinel that is not there."""

    name = "main"
    host = "127.0.0.1"

    def __init__(self, port: int) -> None:
        self.port = port
        self.sentinels = [self]


# --- Cluster ----------------------------------------------------------------------------------------------------------


async def test_a_cluster_says_who_has_each_slot(redis_cluster: RedisCluster) -> None:
    async with topology_of(cluster_config(redis_cluster)) as topology:
        found = await topology.locate()
    assert set(found.primaries) == set(map(address_of, redis_cluster.masters))
    for slot in (0, 5460, 5461, 10_921, 10_922, NUM_SLOTS - 1):
        assert found.of(slot) == address_of(await redis_cluster.primary_of(slot))


async def test_a_slot_that_moves_is_its_old_primarys_until_it_has_arrived(redis_cluster: RedisCluster) -> None:
    source, target = redis_cluster.masters[0], redis_cluster.masters[1]
    async with topology_of(cluster_config(redis_cluster)) as topology:
        await redis_cluster.begin_move(7, source, target)
        assert (await topology.locate()).of(7) == address_of(source)
        await redis_cluster.end_move(7, target)
        try:
            await eventually(lambda: _has(topology, 7, target))
        finally:
            await redis_cluster.move_slot(7, source)
        await eventually(lambda: _has(topology, 7, source))


async def test_one_frozen_master_of_three_does_not_delay_the_answer(redis_cluster: RedisCluster) -> None:
    async with topology_of(cluster_config(redis_cluster)) as topology:
        before = await topology.locate()
        redis_cluster.masters[0].pause()
        try:
            after = await topology.locate()
        finally:
            redis_cluster.masters[0].resume()
        await redis_cluster.settled()
    assert after == before


async def test_a_server_that_is_in_no_cluster_is_refused(redis_server: RedisServer) -> None:
    config = RedisConfig(addresses=server_config(redis_server).addresses, is_cluster=True)
    async with topology_of(config) as topology:
        with pytest.raises(EngineUnavailable, match="cluster support disabled"):
            await topology.locate()


async def test_a_cancelled_question_leaves_nothing_behind(redis_cluster: RedisCluster) -> None:
    """Connections that were being opened are closed, those that stood go on."""
    async with topology_of(cluster_config(redis_cluster)) as topology:
        for ticks in range(20):
            asked: asyncio.Task[ServerMap] = asyncio.create_task(topology.locate())
            for _ in range(ticks):
                await asyncio.sleep(0)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
        assert set((await topology.locate()).primaries) == set(map(address_of, redis_cluster.masters))
    await eventually(lambda: all(_num_clients(master) == 1 for master in redis_cluster.masters))


def _num_clients(server: RedisServer) -> int:
    """Whoever asks is one of them."""
    return len(str(server.command("CLIENT", "LIST", "TYPE", "normal")).splitlines())


async def _has(topology: Topology, slot: int, server: RedisServer) -> bool:
    return (await topology.locate()).of(slot) == address_of(server)


async def test_one_master_that_is_down_makes_no_node_unready_and_two_do() -> None:
    with running_redis_cluster() as cluster:  # its own: the others find it as it was
        first, second, _ = cluster.masters
        async with running_engine(cluster_config(cluster)) as engine:
            first.pause()
            await eventually(lambda: not engine.health().is_connected)
            _, answer_age_s, canary_age_s = engine.health()
            second.pause()
            await eventually(lambda: engine.health().answer_age_s > IO_TIMEOUT_S)
    assert max(answer_age_s, canary_age_s) < IO_TIMEOUT_S


async def test_a_node_knows_that_it_hears_no_control_messages_though_most_masters_answer() -> None:
    """Of revocations it can then know from the database only, whatever the rest of the cluster says."""
    with running_redis_cluster() as cluster:
        config = cluster_config(cluster)
        async with running_engine(config) as engine:
            home = await cluster.primary_of(Keys(config.prefix).system("control").slot)
            await eventually(lambda: engine.control_age_s() < IO_TIMEOUT_S)
            home.pause()
            await eventually(lambda: engine.control_age_s() > 2 * IO_TIMEOUT_S)
            assert engine.health().answer_age_s < IO_TIMEOUT_S
            home.resume()
            await eventually(lambda: engine.control_age_s() < IO_TIMEOUT_S)
