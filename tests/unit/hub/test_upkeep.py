"""What a node does by itself. Each test lets time pass and looks at what has come of it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hub.config import ClientConfig
from hub.engine import History, HistoryQuery
from hub.outbox import HIGH_WATER_BYTES
from hub.positions import GRACE_S, LANES
from hub.protocol import codes
from hub.upkeep import ANNOUNCE_INTERVAL_S, DUE_PER_SLICE, upkeep_tasks
from tests.unit.hub.gated_engine import GatedEngine
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import pass_time, virtual_loop

STREAM = replace(OPEN, history_size=10, history_ttl_s=60, force_recovery=True)
CHECK_DELAY_S = ClientConfig().channel_position_check_delay_s
DETECTION_S = CHECK_DELAY_S + GRACE_S


def gated_node() -> tuple[Node, GatedEngine]:
    engine = GatedEngine(virtual_loop().clock)
    return Node(hub_config(OPEN, {"stream": STREAM}, ping_interval_s=0), engine), engine


async def test_its_tasks_have_names_of_their_own() -> None:
    tasks = upkeep_tasks(Node().hub)
    for _, work in tasks:
        work.close()
    assert len({name for name, _ in tasks}) == len(tasks) == 4


# --- the lease ---------------------------------------------------------------------------------------------------


async def test_a_node_that_did_not_run_for_longer_than_its_lease_sends_its_clients_away() -> None:
    node = Node(replace(hub_config(OPEN, ping_interval_s=0), lapse_after_s=6))
    async with node.running():
        client = await node.subscribed("news")
        await pass_time(60)
        assert [client.goodbye] == [None]
        node.clock.advance(6.5)  # nothing runs meanwhile
        await pass_time(1)
        assert client.goodbye == codes.SHUTDOWN
        assert node.hub.measures()["lapses"] == 1


async def test_a_node_without_others_cannot_lapse() -> None:
    node = Node(hub_config(OPEN, ping_interval_s=0))
    async with node.running():
        client = await node.subscribed("news")
        node.clock.advance(3600)
        await pass_time(1)
        assert client.goodbye is None


async def test_a_node_that_leaves_is_not_announced_any_more() -> None:
    node = Node()
    async with node.running():
        await pass_time(1)
        assert await node.engine.nodes()
        node.hub.is_leaving = True
        await pass_time(60)
        await node.hub.announce()
        assert await node.engine.nodes() == []


# --- positions ------------------------------------------------------------------------------------------------------


async def test_a_lost_announcement_is_noticed_in_time() -> None:
    """I5: within the check delay and the grace, though nothing more is published."""
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("stream:1")
        engine.is_lagging = True
        await node.hub.publish("stream:1", b"1")
        engine.lose_one()
        await pass_time(CHECK_DELAY_S + DETECTION_S)
        assert await client.pushes("unsubscribe") == [{"code": 2500, "reason": "insufficient state"}]
        assert node.hub.counters.insufficient_state == 1


async def test_an_announcement_that_arrives_within_the_grace_is_not_lost() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("stream:1")
        await pass_time(CHECK_DELAY_S - 0.5)
        engine.is_lagging = True
        await node.hub.publish("stream:1", b"1")
        await pass_time(0.5 + GRACE_S / 2)  # it is missed by now, and taken for late
        engine.announce_one()
        await pass_time(3 * DETECTION_S)
        assert [publication["data"] for publication in await client.pushes("pub")] == [1]
        assert node.hub.counters.insufficient_state == 0


async def test_a_busy_channel_whose_announcements_are_always_a_little_late_is_left_alone() -> None:
    """Whenever it is looked at something is on the way; but never the same thing for as long as the grace."""
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("stream:1")
        engine.is_lagging = True
        await pass_time(0.4)  # so that looks fall between a publication and its announcement
        for number in range(60):
            await node.hub.publish("stream:1", b"%d" % number)
            await pass_time(0.3)
            engine.announce_one()
            await pass_time(0.2)
        assert node.hub.counters.insufficient_state == 0
        assert len(await client.pushes("pub")) == 60


async def test_a_stream_that_began_anew_is_noticed() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("stream:1")
        await engine.start_over()
        await pass_time(CHECK_DELAY_S + DETECTION_S)
        assert await client.pushes("unsubscribe") == [{"code": 2500, "reason": "insufficient state"}]


async def test_many_channels_on_an_engine_far_away_are_noticed_in_the_same_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A second for each answer: one after the other would take minutes. And one line in the log, not one each."""
    node, engine = gated_node()
    async with node.running():
        names = [f"stream:{number}" for number in range(3 * LANES)]
        client = await node.subscribed(*names)
        await engine.start_over()
        near = engine.history

        async def far(channel: str, query: HistoryQuery) -> History:
            loop = asyncio.get_running_loop()
            answered = loop.create_future()
            loop.call_later(1, answered.set_result, None)
            await answered
            return await near(channel, query)

        monkeypatch.setattr(engine, "history", far)
        await pass_time(CHECK_DELAY_S + DETECTION_S + 2 * len(names) / LANES)
        assert len(await client.pushes("unsubscribe")) == len(names)
        assert caplog.messages.count("continuity_lost") == 1


async def test_a_stream_that_goes_on_is_left_alone() -> None:
    node, _ = gated_node()
    async with node.running():
        client = await node.subscribed("stream:1", "news")
        for number in range(20):
            await node.hub.publish("stream:1", b"%d" % number)
            await pass_time(1)
        assert len(await client.pushes("pub")) == 20
        assert node.hub.counters.insufficient_state == 0


async def test_looking_keeps_the_position_of_a_stream_that_somebody_follows() -> None:
    node, engine = gated_node()
    node.hub.channels._config = replace(node.hub.channels._config, history_meta_ttl_s=10)
    async with node.running():
        await node.subscribed("stream:1")
        before = node.hub.index.channels["stream:1"].position
        await pass_time(100)
        assert (await engine.inner.history("stream:1", HistoryQuery(meta_ttl_s=10))).position == before


async def test_an_engine_that_does_not_answer_makes_nobody_resynchronise() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("stream:1")
        engine.is_down = True
        await pass_time(3 * DETECTION_S)
        assert node.hub.counters.insufficient_state == 0
        engine.is_down = False
        await node.hub.publish("stream:1", b"1")
        assert [publication["data"] for publication in await client.pushes("pub")] == [1]


async def test_an_engine_that_goes_away_during_the_grace_makes_nobody_resynchronise() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("stream:1")
        engine.is_lagging = True
        await node.hub.publish("stream:1", b"1")
        await pass_time(CHECK_DELAY_S + GRACE_S / 2)
        engine.is_down = True
        await pass_time(GRACE_S)
        engine.is_down = False
        engine.announce_one()
        assert [publication["data"] for publication in await client.pushes("pub")] == [1]


# --- sockets --------------------------------------------------------------------------------------------------------


async def test_a_socket_that_drains_gets_what_was_held_back() -> None:
    node, _ = gated_node()
    async with node.running():
        client = await node.subscribed("news")
        client.transport.buffered = HIGH_WATER_BYTES + 1
        for number in range(3):
            await node.hub.publish("news", b"%d" % number)
            await pass_time(0)
        client.transport.buffered = 0
        await pass_time(0.1)
        assert [publication["data"] for publication in await client.pushes("pub")] == [0, 1, 2]
        assert node.hub.fan_out.congested == {}


async def test_a_socket_that_stands_still_is_closed() -> None:
    node, _ = gated_node()
    async with node.running():
        client = await node.subscribed("news")
        client.transport.buffered = HIGH_WATER_BYTES + 1
        await node.hub.publish("news", b"1")
        await pass_time(2.9)
        assert client.transport.goodbyes == []
        await pass_time(0.2)
        assert client.goodbye == codes.SLOW
        assert node.hub.counters.slow_closed == 1
        await pass_time(2)
        assert client.transport.is_aborted


async def test_one_that_holds_too_much_is_closed_at_once() -> None:
    node = Node(hub_config(queue_max_size_bytes=HIGH_WATER_BYTES + 1_000))
    async with node.running():
        client, other = await node.subscribed("news"), await node.subscribed("news")
        client.transport.buffered = HIGH_WATER_BYTES + 1
        for _ in range(20):
            await node.hub.publish("news", b'"' + b"x" * 100 + b'"')
            await pass_time(0)
        assert (client.goodbye, other.goodbye) == (codes.SLOW, None)
        assert len(await other.pushes("pub")) == 20


# --- deadlines and the node's lease ---------------------------------------------------------------------------------


async def test_many_deadlines_at_once_are_all_met() -> None:
    node = Node(hub_config(ping_interval_s=0))
    async with node.running():
        clients = [node.client() for _ in range(2 * DUE_PER_SLICE + 1)]
        await pass_time(11)
        assert all(client.goodbye == codes.STALE for client in clients)


async def test_a_node_keeps_its_lease_among_the_nodes(caplog: pytest.LogCaptureFixture) -> None:
    node, engine = gated_node()
    async with node.running():
        await pass_time(30)
        assert [info.uid for info in await engine.inner.nodes()] == [node.hub.uid]
        engine.is_down = True
        await pass_time(ANNOUNCE_INTERVAL_S)
        assert "announce_failed" in caplog.text
        engine.is_down = False
        await pass_time(ANNOUNCE_INTERVAL_S)
        assert len(await engine.inner.nodes()) == 1
    await pass_time(15)
    assert await engine.inner.nodes() == []
