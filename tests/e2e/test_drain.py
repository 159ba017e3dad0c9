"""The end of a node: what SIGTERM costs clients and publishers (nothing), and what kill -9 costs them (no lies)."""

from __future__ import annotations

import asyncio
import json
import signal
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.e2e.configuration import EVERYTHING
from tests.e2e.python_sdk import SubscriptionRecording, World
from tests.support.api_client import API_KEY
from tests.support.patience import PATIENCE_S, TIME_SCALE, eventually
from tests.support.ports import free_port
from tests.support.proxy import proxy_to
from tests.support.raw_client import raw_client
from tests.support.server import NodeProcess, running_server, start_node, stop, with_secrets
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

NUM_CLIENTS = 50
NUM_PUBLISHERS = 4
NUM_BEFORE, NUM_AFTER = 150, 150
"""Acknowledged publications before the signal and behind the handover; those in between are counted in neither."""

CHANNEL = "full:load"


def configuration(**shutdown: str) -> dict[str, Any]:
    return with_secrets({
        "client": {"recovery_max_publication_limit": 0},
        "channel": {"namespaces": [EVERYTHING | {"name": "full", "history_size": 10_000}]},
        "shutdown": {"drain_window": "1s", **shutdown},
    })  # fmt: skip


@pytest.fixture
async def nodes() -> AsyncIterator[AsyncExitStack]:
    """Whatever was started is gone afterwards."""
    async with AsyncExitStack() as stack:
        yield stack


async def started(stack: AsyncExitStack, directory: Path, port: int, **shutdown: str) -> NodeProcess:
    """A node that has just been started and may not serve yet."""
    node = await start_node(configuration(**shutdown), directory, port=port)
    stack.push_async_callback(stop, node)
    return node


@asynccontextmanager
async def world_of(node: NodeProcess) -> AsyncIterator[World]:
    """Its wire leads to the node's port, whoever listens there."""
    async with proxy_to(node.port) as wire:
        world = World(node, wire)
        try:
            yield world
        finally:
            await world.end()


class Publishers:
    """Backends that publish one message after the other and repeat each until it is acknowledged.

    Attributes:
        acknowledged: the messages by the offset that the node answered with.
        num_repeats: attempts that were not answered.
    """

    def __init__(self, http_url: str) -> None:
        self.acknowledged: dict[int, str] = {}
        self.num_repeats = 0
        self._url = f"{http_url}/api/publish"
        self._is_over = False

    def finish(self) -> None:
        """Stop after the message in flight."""
        self._is_over = True

    async def run(self) -> None:
        headers = {"X-API-Key": API_KEY}
        async with (
            aiohttp.ClientSession(headers=headers, timeout=aiohttp.ClientTimeout(total=PATIENCE_S)) as session,
            asyncio.TaskGroup() as publishers,
        ):
            for number in range(NUM_PUBLISHERS):
                publishers.create_task(self._publish_all(session, number))

    async def _publish_all(self, session: aiohttp.ClientSession, publisher: int) -> None:
        number = 0
        while not self._is_over:
            number += 1
            message = f"{publisher}.{number}"
            offset = await eventually(partial(self._attempt, session, message), 3 * PATIENCE_S)
            assert offset is not None
            assert offset not in self.acknowledged, f"one offset for {message} and {self.acknowledged[offset]}"
            self.acknowledged[offset] = message

    async def _attempt(self, session: aiohttp.ClientSession, message: str) -> int | None:
        """The offset, once it is acknowledged."""
        body = {"channel": CHANNEL, "data": message, "idempotency_key": message}
        try:
            async with session.post(self._url, json=body) as response:
                answer = json.loads(await response.read()) if response.status == 200 else {}
        except (aiohttp.ClientError, TimeoutError):
            answer = {}
        if "result" in answer:
            offset: int = answer["result"]["offset"]
            return offset
        self.num_repeats += 1
        return None

    async def acknowledge(self, count: int) -> None:
        """Wait until this many more are acknowledged."""
        target = len(self.acknowledged) + count
        await eventually(lambda: len(self.acknowledged) >= target, 3 * PATIENCE_S)


async def subscribe_all(world: World) -> list[SubscriptionRecording]:
    recordings = []
    for number in range(NUM_CLIENTS):
        client, _ = await world.connected(f"client{number}")
        recordings.append((await world.subscribed(client, CHANNEL))[1])
    return recordings


def assert_received_once_in_order(recording: SubscriptionRecording, acknowledged: dict[int, str]) -> None:
    assert recording.offsets == sorted(acknowledged)
    assert recording.data == [acknowledged[offset] for offset in recording.offsets]
    assert recording.of("unsubscribed") == []
    first, *again = recording.of("subscribed")
    assert not first.was_recovering
    assert again, "it never had to come back"
    assert all(context.was_recovering and context.recovered for context in again)


@pytest.mark.slow
@pytest.mark.timeout(120 * TIME_SCALE)
async def test_sigterm_under_load_loses_nothing(nodes: AsyncExitStack, tmp_path: Path) -> None:
    first = await started(nodes, tmp_path, free_port())
    await first.ready()
    async with world_of(first) as world, asyncio.TaskGroup() as background:
        recordings = await subscribe_all(world)
        publishers = Publishers(first.http_url)
        background.create_task(publishers.run())
        await publishers.acknowledge(NUM_BEFORE)
        first.terminate()
        second = await started(nodes, tmp_path, first.port)
        assert await first.ended() == 0
        await second.ready()
        await publishers.acknowledge(NUM_AFTER)
        publishers.finish()
        await eventually(lambda: all(len(seen.data) >= len(publishers.acknowledged) for seen in recordings))
    assert sorted(publishers.acknowledged) == list(range(1, len(publishers.acknowledged) + 1)), "a gap, or a twin"
    assert publishers.num_repeats, "nobody published while there was no node"
    for recording in recordings:
        assert_received_once_in_order(recording, publishers.acknowledged)


async def test_an_acknowledgement_lost_in_the_restart_publishes_nothing_twice(
    nodes: AsyncExitStack, tmp_path: Path
) -> None:
    first = await started(nodes, tmp_path, free_port())
    await first.ready()
    before = await first.api.publish(CHANNEL, 1, idempotency_key="once")
    first.terminate()
    second = await started(nodes, tmp_path, first.port)
    await second.ready()
    assert await second.api.publish(CHANNEL, 1, idempotency_key="once") == before
    assert (await second.api.publish(CHANNEL, 2))["offset"] == 2


async def test_kill_9_is_followed_by_a_new_epoch_and_an_honest_answer(nodes: AsyncExitStack, tmp_path: Path) -> None:
    first = await started(nodes, tmp_path, free_port())
    await first.ready()
    async with world_of(first) as world:
        client, _ = await world.connected()
        _, events = await world.subscribed(client, CHANNEL)
        before = await events.next("subscribed")
        await world.publish(CHANNEL, 1, 2, 3)
        await events.publications(3)
        events.mark_read()
        first.kill()
        assert await first.ended() == -signal.SIGKILL
        second = await started(nodes, tmp_path, first.port)
        await second.ready()
        after = await events.next("subscribed")
        assert (after.was_recovering, after.recovered) == (True, False)
        assert after.stream_position.epoch != before.stream_position.epoch
        await world.publish(CHANNEL, 4)
        assert await events.publications(4) == [1, 2, 3, 4]
        assert events.offsets == [1, 2, 3, 1]


async def test_a_crash_behind_a_handover_does_not_bring_the_handover_back(
    nodes: AsyncExitStack, tmp_path: Path
) -> None:
    port = free_port()
    positions = []
    for end in (NodeProcess.terminate, NodeProcess.kill, NodeProcess.kill):
        node = await started(nodes, tmp_path, port)
        await node.ready()
        positions.append(await node.api.publish(CHANNEL, "x"))
        end(node)
        await node.ended()
    handed_over, second, crashed = positions
    assert (second["offset"], second["epoch"]) == (2, handed_over["epoch"])
    assert (crashed["offset"], crashed["epoch"] != handed_over["epoch"]) == (1, True)


async def test_sigterm_says_3001_to_everybody(nodes: AsyncExitStack, tmp_path: Path) -> None:
    node = await started(nodes, tmp_path, free_port())
    await node.ready()
    clients = [await raw_client(node.ws_url) for _ in range(5)]
    for client in clients:
        await client.call("connect", token=connection_token("ada"))
    node.terminate()
    assert {await client.closing() for client in clients} == {(3001, "shutdown")}
    assert await node.ended() == 0


async def test_readyz_turns_503_while_clients_are_still_served(nodes: AsyncExitStack, tmp_path: Path) -> None:
    node = await started(nodes, tmp_path, free_port(), drain_delay="3s", timeout="30s")
    await node.ready()
    async with await raw_client(node.ws_url) as client:
        await client.call("connect", token=connection_token("ada"))
        node.terminate()
        await eventually(lambda: _is(node, 503))
        assert (await node.api.request("GET", "/healthz")).status == 200
        await client.call("subscribe", channel=CHANNEL)
        await node.api.publish(CHANNEL, "still served")
        assert await client.data(CHANNEL, 1) == ["still served"]
        assert (await client.closing()).code == 3001
    assert await node.ended() == 0


async def _is(node: NodeProcess, status: int) -> bool:
    return await node.readiness() == status


async def test_sigterm_ends_in_time_with_a_client_that_answers_no_close(nodes: AsyncExitStack, tmp_path: Path) -> None:
    node = await started(nodes, tmp_path, free_port(), drain_window="0s", timeout="2s")
    await node.ready()
    async with await raw_client(node.ws_url) as client:
        await client.call("connect", token=connection_token("ada"))
        client.socket.transport.pause_reading()
        node.terminate()
        assert await node.ended() == 0
    assert "drain_timed_out" in node.log
    assert (tmp_path / "data" / "engine-handover.json").exists()


async def test_a_second_sigterm_ends_it_at_once(nodes: AsyncExitStack, tmp_path: Path) -> None:
    node = await started(nodes, tmp_path, free_port(), drain_delay="60s", timeout="90s")
    await node.ready()
    node.terminate()
    await eventually(lambda: _is(node, 503))
    node.terminate()
    assert await node.ended() == 128 + signal.SIGTERM


# --- one directory, one process -------------------------------------------------------------------------------------


def _has_open(node: NodeProcess, name: str) -> bool:
    files = Path(f"/proc/{node.process.pid}/fd").iterdir()
    return any(file.exists() and file.resolve().name == name for file in files)


async def test_a_second_process_waits_for_the_directory_of_the_first(nodes: AsyncExitStack, tmp_path: Path) -> None:
    first = await started(nodes, tmp_path, free_port())
    await first.ready()
    await first.api.publish(CHANNEL, "kept")
    second = await started(nodes, tmp_path, free_port())
    await eventually(lambda: _has_open(second, "node.lock"))
    assert await second.readiness() is None
    first.terminate()
    await second.ready()
    assert await first.ended() == 0
    history = await second.api.call("history", channel=CHANNEL, limit=-1)
    assert [publication["data"] for publication in history["publications"]] == ["kept"]


async def test_a_second_process_gives_up_on_a_directory_that_stays_in_use(tmp_path: Path) -> None:
    async with running_server(configuration(), data_dir=tmp_path) as first, AsyncExitStack() as stack:
        second = await started(stack, tmp_path, free_port(), timeout="1s")
        assert await second.ended() == 1
        assert "is in use by another process" in second.log
        assert await first.readiness() == 200
