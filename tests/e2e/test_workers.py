"""`serve --workers N`: one port, N nodes, one life."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.e2e.configuration import EVERYTHING
from tests.e2e.devices import platform
from tests.support.cluster import connected, new_prefix, redis_section
from tests.support.patience import PATIENCE_S, TIME_SCALE, eventually
from tests.support.ports import free_port
from tests.support.server import running_server, start_node, stop, with_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.redis import RedisServer
    from tests.support.server import Config, NodeProcess

pytestmark = pytest.mark.timeout(120 * TIME_SCALE)

WORKERS = 2

FLAGS = ("--workers", str(WORKERS))


def configuration(redis_port: int, **sections: Any) -> Config:
    return {
        "engine": redis_section(redis_port, new_prefix()),
        "channel": {"namespaces": [EVERYTHING | {"name": "full"}]},
        "shutdown": {"drain_window": "0s"},
        **sections,
    }


@pytest_asyncio.fixture
async def node(shared_redis: RedisServer) -> AsyncIterator[NodeProcess]:
    async with running_server(configuration(shared_redis.port), flags=FLAGS) as running:
        await eventually(partial(all_there, running))
        yield running


async def workers_of(node: NodeProcess) -> list[str]:
    """The names of the nodes that are listed."""
    return sorted(described["name"] for described in (await node.api.call("info"))["nodes"])


async def all_there(node: NodeProcess, count: int = WORKERS) -> bool:
    return len(await workers_of(node)) == count


def events(node: NodeProcess, name: str) -> list[dict[str, Any]]:
    """What the parent and its children have logged under a name, in order."""
    lines = [json.loads(line) for line in node.log.splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == name]


def pids(node: NodeProcess) -> dict[int, int]:
    """The process of each worker, by its number."""
    return {line["worker"]: line["worker_pid"] for line in events(node, "worker_started")}


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    with open(f"/proc/{pid}/stat", encoding="ascii") as stat:  # whoever takes it over may not bury it
        return stat.read().rpartition(")")[2].split()[0] == "Z"


async def test_workers_are_nodes_of_one_hub_on_one_port(node: NodeProcess) -> None:
    names = await workers_of(node)
    assert [name.rpartition("_")[2] for name in names] == ["1", "2"]
    assert len({name.rpartition("_")[0] for name in names}) == 1
    async with AsyncExitStack() as stack:
        clients = [await connected(node, "ann", stack) for _ in range(20)]
        for client in clients:
            await client.call("subscribe", channel="full:news")
        await node.api.publish("full:news", "hello")
        for client in clients:
            assert await client.data("full:news", 1) == ["hello"]
        spread = {described["num_clients"] for described in (await node.api.call("info"))["nodes"]}
        assert sum(spread) == 20 or spread == {10}
        assert 0 not in spread, "the kernel spreads them"
        assert await node.api.call("presence_stats", channel="full:news") == {"num_clients": 20, "num_users": 1}


async def test_the_end_is_passed_on_and_all_drain(node: NodeProcess) -> None:
    async with AsyncExitStack() as stack:
        clients = [await connected(node, "ann", stack) for _ in range(10)]
        node.terminate()
        assert {(await client.closing()).code for client in clients} == {3001}
        assert await node.ended() == 0
    assert len(events(node, "drain_finished")) == WORKERS
    assert all(is_gone(pid) for pid in pids(node).values())


async def test_an_end_that_everybody_is_told_of_is_no_hurry(node: NodeProcess) -> None:
    """A service manager sends SIGTERM to the parent and the children, a terminal SIGINT."""
    async with AsyncExitStack() as stack:
        clients = [await connected(node, "ann", stack) for _ in range(10)]
        for pid in pids(node).values():
            os.kill(pid, signal.SIGINT)
        for pid in pids(node).values():
            os.kill(pid, signal.SIGTERM)
        node.process.send_signal(signal.SIGINT)
        assert {(await client.closing()).code for client in clients} == {3001}
    assert await node.ended() == 0


async def test_a_worker_that_dies_is_replaced(node: NodeProcess) -> None:
    before = pids(node)
    os.kill(before[1], signal.SIGKILL)
    await eventually(lambda: pids(node)[1] != before[1])
    assert pids(node)[2] == before[2]
    [death] = events(node, "worker_died")
    assert (death["worker"], death["exit_code"]) == (1, -signal.SIGKILL)

    async def serves_again() -> bool:
        return len(events(node, "listening")) == WORKERS + 1

    await eventually(serves_again)
    node.terminate()
    assert await node.ended() == 0


async def test_no_worker_outlives_its_parent(node: NodeProcess) -> None:
    node.kill()
    await node.ended()
    for pid in pids(node).values():
        await eventually(partial(is_gone, pid))


async def test_a_second_signal_ends_all_at_once(shared_redis: RedisServer) -> None:
    config = configuration(shared_redis.port, shutdown={"drain_delay": "60s", "timeout": "120s"})
    async with running_server(config, flags=FLAGS) as node:
        await eventually(partial(all_there, node))
        node.terminate()
        await eventually(lambda: len(events(node, "drain_started")) == WORKERS)
        node.terminate()
        assert await node.ended() == 1
        assert all(is_gone(pid) for pid in pids(node).values())


async def test_a_free_port_is_the_same_for_all(shared_redis: RedisServer, tmp_path: Path) -> None:
    config = configuration(shared_redis.port, http_server={"address": "127.0.0.1", "internal_port": free_port()})
    node = await start_node(with_secrets(config), tmp_path, port=0, flags=FLAGS)
    try:
        await eventually(lambda: len(events(node, "listening")) == 2 * WORKERS)
        places = [line["at"][0] for line in events(node, "listening")]
        assert len(set(places)) == 2
        assert not any(place.endswith(" 0") for place in places)
    finally:
        node.terminate()
        await node.ended()


async def test_a_port_that_is_taken_is_told_once(shared_redis: RedisServer, tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", free_port())
    async with server:
        port = server.sockets[0].getsockname()[1]
        config = configuration(shared_redis.port, http_server={"address": "127.0.0.1"})
        node = await start_node(with_secrets(config), tmp_path, port=port, flags=FLAGS)
        assert await node.ended() == 1
        assert "error: cannot listen" in node.log
        assert not pids(node)


async def test_workers_that_cannot_live_are_given_up(shared_redis: RedisServer, tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    config = platform(
        database={"url": nowhere, "start_timeout": "100ms"}, engine=redis_section(shared_redis.port, new_prefix())
    )
    node = await start_node(with_secrets(config), tmp_path, port=free_port(), flags=FLAGS)
    try:
        assert await node.ended(within_s=6 * PATIENCE_S) == 1
        assert events(node, "worker_given_up")
    finally:
        await stop(node)


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({}, "error: engine.type: must be redis"),
        (platform(engine={"type": "redis"}), "error: database.url: must be PostgreSQL"),
    ],
)
async def test_what_workers_cannot_share_is_told(tmp_path: Path, config: Config, problem: str) -> None:
    node = await start_node(with_secrets(config), tmp_path, port=free_port(), flags=FLAGS)
    assert await node.ended() == 1
    assert problem in node.log
