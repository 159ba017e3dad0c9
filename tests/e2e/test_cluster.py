"""Two nodes on one Redis are one hub: whatever a backend asks of one of them holds on both."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import AsyncExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from composition.engine import LAPSE_AFTER_S
from tests.e2e.configuration import EVERYTHING
from tests.lab.fault_proxy import fault_proxy_to
from tests.support.api_client import APIRefused
from tests.support.cluster import connected, know_each_other, new_prefix, redis_section, running_cluster
from tests.support.patience import PATIENCE_S, TIME_SCALE, eventually
from tests.support.raw_client import Close
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.raw_client import RawClient
    from tests.support.redis import RedisServer
    from tests.support.server import NodeProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONFIG: dict[str, Any] = {
    "channel": {"namespaces": [EVERYTHING | {"name": "full"}]},
    "shutdown": {"drain_window": "0s"},
}

FORCED = Close(3503, "force disconnect")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def nodes(shared_redis: RedisServer) -> AsyncIterator[list[NodeProcess]]:
    async with running_cluster(CONFIG, shared_redis.port) as nodes:
        yield nodes


@pytest_asyncio.fixture(loop_scope="module")
async def crowd(nodes: list[NodeProcess]) -> AsyncIterator[Crowd]:
    async with AsyncExitStack() as stack:
        yield Crowd(nodes, stack)


class Crowd:
    """Clients on both nodes."""

    def __init__(self, nodes: list[NodeProcess], stack: AsyncExitStack) -> None:
        self.nodes = nodes
        self._stack = stack

    async def connect(self, place: int, user: str) -> RawClient:
        return await connected(self.nodes[place], user, self._stack)

    async def subscribe(self, place: int, user: str, channel: str) -> RawClient:
        client = await self.connect(place, user)
        await client.call("subscribe", channel=channel)
        return client

    async def both(self, user: str, channel: str = "") -> list[RawClient]:
        """One on each node."""
        if channel:
            return [await self.subscribe(place, user, channel) for place in (0, 1)]
        return [await self.connect(place, user) for place in (0, 1)]


async def client_ids(client: RawClient, channel: str) -> list[str]:
    presence = await client.call("presence", channel=channel)
    return sorted(presence["presence"])


async def test_what_is_published_anywhere_reaches_everybody_in_one_order(crowd: Crowd) -> None:
    clients = await crowd.both("ann", "full:order")
    first, second = crowd.nodes
    for number in range(0, 100, 2):
        await asyncio.gather(first.api.publish("full:order", number), second.api.publish("full:order", number + 1))
    received = [await client.data("full:order", 100) for client in clients]
    assert received[0] == received[1]
    assert sorted(received[0]) == list(range(100))
    history = await clients[1].call("history", channel="full:order", limit=-1)
    assert [publication["data"] for publication in history["publications"]] == received[0]


async def test_a_client_publishes_to_the_other_node(crowd: Crowd) -> None:
    here, there = await crowd.both("ann", "full:chat")
    await here.call("publish", channel="full:chat", data={"text": "hello"})
    publication = await there.push("pub", "full:chat")
    assert publication["data"] == {"text": "hello"}
    assert publication["info"]["user"] == "ann"


async def test_presence_is_that_of_all_nodes(crowd: Crowd) -> None:
    here = await crowd.subscribe(0, "ann", "full:presence")
    there = await crowd.subscribe(1, "bob", "full:presence")
    assert [(await here.push("join", "full:presence"))["info"]["user"] for _ in range(2)] == ["ann", "bob"]
    for client, node in zip((here, there), crowd.nodes, strict=True):
        assert len(await client_ids(client, "full:presence")) == 2
        stats = await node.api.call("presence_stats", channel="full:presence")
        assert stats == {"num_clients": 2, "num_users": 2}
    await there.leave()
    assert (await here.push("leave", "full:presence"))["info"]["user"] == "bob"
    assert len(await client_ids(here, "full:presence")) == 1


async def test_a_user_is_disconnected_everywhere_but_for_the_whitelist(crowd: Crowd) -> None:
    here, there = await crowd.both("carl", "full:carl")
    stranger = await crowd.connect(1, "dora")
    staying = await crowd.subscribe(1, "carl", "full:carl-stays")
    [stays] = await client_ids(staying, "full:carl-stays")
    await crowd.nodes[0].api.call("disconnect", user="carl", whitelist=[stays])
    assert [await client.closing() for client in (here, there)] == [FORCED, FORCED]
    await staying.settled()
    await stranger.settled()


async def test_one_client_of_a_user_is_disconnected_by_the_node_it_is_not_on(crowd: Crowd) -> None:
    here, there = await crowd.both("carl", "full:carl")
    mine = await crowd.subscribe(0, "eve", "full:carl")
    both = set(await client_ids(mine, "full:carl"))
    assert len(both) == 3
    target = await crowd.subscribe(1, "carl", "full:target")
    [client_id] = await client_ids(target, "full:target")
    disconnect = {"code": 4000, "reason": "go away"}
    await crowd.nodes[0].api.call("disconnect", user="carl", client=client_id, disconnect=disconnect)
    assert await target.closing() == Close(4000, "go away")
    await asyncio.gather(here.settled(), there.settled())


async def test_a_user_is_subscribed_and_unsubscribed_everywhere(crowd: Crowd) -> None:
    clients = await crowd.both("fred")
    await crowd.nodes[1].api.call("subscribe", user="fred", channel="full:fred")
    for client in clients:
        assert (await client.push("subscribe", "full:fred"))["recoverable"]
    await crowd.nodes[0].api.publish("full:fred", 1)
    for client in clients:
        assert await client.data("full:fred", 1) == [1]
    await crowd.nodes[0].api.call("unsubscribe", user="fred", channel="full:fred")
    for client in clients:
        assert (await client.push("unsubscribe", "full:fred"))["code"] == 2000


async def test_a_right_is_renewed_and_ended_everywhere(crowd: Crowd) -> None:
    clients = await crowd.both("gina")
    await crowd.nodes[0].api.call("refresh", user="gina", expire_at=4_000_000_000)
    for client in clients:
        assert (await client.push("refresh"))["ttl"] > 1_000_000
    await crowd.nodes[1].api.call("refresh", user="gina", expired=True)
    assert [await client.closing() for client in clients] == [Close(3005, "connection expired")] * 2


async def test_both_nodes_are_listed_with_what_they_measure(crowd: Crowd) -> None:
    await crowd.both("hans", "full:hans")
    for node in crowd.nodes:
        listed = (await node.api.call("info"))["nodes"]
        assert len({described["uid"] for described in listed}) == 2
        assert all(described["metrics"]["items"]["commands"] for described in listed)
        assert all(described["process"]["rss"] > 0 for described in listed)


async def test_channels_are_those_of_both_nodes(crowd: Crowd) -> None:
    await crowd.both("ida", "full:ida-1")
    await crowd.subscribe(1, "ida", "full:ida-2")
    for node in crowd.nodes:
        channels = (await node.api.call("channels", pattern="full:ida*"))["channels"]
        assert channels == {"full:ida-1": {"num_clients": 2}, "full:ida-2": {"num_clients": 1}}


async def test_who_comes_back_to_the_other_node_has_missed_nothing(crowd: Crowd) -> None:
    client = await crowd.connect(0, "jane")
    position = await client.call("subscribe", channel="full:jane")
    await client.leave()
    for number in range(5):
        await crowd.nodes[number % 2].api.publish("full:jane", number)
    again = await crowd.connect(1, "jane")
    since = {"offset": position.get("offset", 0), "epoch": position["epoch"], "recover": True}
    recovered = await again.call("subscribe", channel="full:jane", **since)
    assert recovered["recovered"]
    assert [publication["data"] for publication in recovered["publications"]] == [0, 1, 2, 3, 4]


async def test_a_node_that_drains_is_gone_from_the_list_at_once(shared_redis: RedisServer) -> None:
    async with running_cluster(CONFIG, shared_redis.port) as (staying, leaving), AsyncExitStack() as stack:
        client = await connected(leaving, "kim", stack)
        leaving.terminate()
        assert (await client.closing()).code == 3001
        assert await leaving.ended() == 0
        listed = (await staying.api.call("info"))["nodes"]
        assert len(listed) == 1
        assert await staying.api.call("channels") == {"channels": {}}


async def test_a_node_that_was_killed_is_listed_until_its_lease_ends(shared_redis: RedisServer) -> None:
    async with running_cluster(CONFIG, shared_redis.port) as (staying, dying):
        dying.kill()
        await dying.ended()

        assert not await is_alone(staying)
        await eventually(partial(is_alone, staying), within_s=4 * PATIENCE_S)
        assert await staying.api.call("channels") == {"channels": {}}


@pytest.mark.slow
@pytest.mark.timeout(120 * TIME_SCALE)
async def test_f3_a_node_that_was_stopped_sends_its_clients_away_before_it_tells_them_anything_old(
    shared_redis: RedisServer,
) -> None:
    async with running_cluster(CONFIG, shared_redis.port) as (running, paused), AsyncExitStack() as stack:
        client = await connected(paused, "ann", stack)
        position = await client.call("subscribe", channel="full:news")
        await running.api.publish("full:news", "before")
        assert await client.data("full:news", 1) == ["before"]
        paused.process.send_signal(signal.SIGSTOP)
        stopped_s = time.monotonic()
        for number in range(10):
            await running.api.publish("full:news", number)
        await eventually(partial(is_alone, running), within_s=4 * PATIENCE_S)
        await eventually(lambda: time.monotonic() - stopped_s > LAPSE_AFTER_S + 1)
        paused.process.send_signal(signal.SIGCONT)
        assert (await client.closing()).code == 3001
        assert client.unread("pub") == []
        again = await connected(running, "ann", stack)
        since = {"offset": position.get("offset", 0) + 1, "epoch": position["epoch"], "recover": True}
        recovered = await again.call("subscribe", channel="full:news", **since)
        assert [publication["data"] for publication in recovered["publications"]] == list(range(10))
        await know_each_other([running, paused])
        fresh = await connected(paused, "ann", stack)
        await fresh.call("subscribe", channel="full:news")
        await running.api.publish("full:news", "after")
        assert await fresh.data("full:news", 1) == ["after"]


async def test_f37_a_node_that_is_cut_from_redis_keeps_its_clients_and_lets_them_catch_up(
    shared_redis: RedisServer,
) -> None:
    prefix = new_prefix()
    async with AsyncExitStack() as stack:
        proxy = await stack.enter_async_context(fault_proxy_to(shared_redis.port))
        well = await stack.enter_async_context(
            running_server(CONFIG | {"engine": redis_section(shared_redis.port, prefix)})
        )
        cut = await stack.enter_async_context(running_server(CONFIG | {"engine": redis_section(proxy.port, prefix)}))
        await know_each_other([well, cut])
        client = await connected(cut, "ann", stack)
        await client.call("subscribe", channel="full:news")
        proxy.cut()
        await eventually(partial(is_unready, cut), within_s=2 * PATIENCE_S)
        assert (await cut.api.request("GET", "/healthz")).status == 200
        assert (await client.refusal("publish", channel="full:news", data=0))["code"] == 100
        with pytest.raises(APIRefused):
            await cut.api.publish("full:news", 0)
        for number in range(1, 6):
            await well.api.publish("full:news", number)
        proxy.mend()
        assert await client.data("full:news", 5) == [1, 2, 3, 4, 5]
        await cut.ready()
        await client.call("publish", channel="full:news", data=6)
        assert await client.data("full:news", 1) == [6]


async def is_alone(node: NodeProcess) -> bool:
    return len((await node.api.call("info"))["nodes"]) == 1


async def is_unready(node: NodeProcess) -> bool:
    return await node.readiness() == 503
