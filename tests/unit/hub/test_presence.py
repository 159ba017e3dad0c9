"""Leases of this node's clients: held up as long as they are here, and no longer."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.control_operations import UnsubscribeUser
from tests.unit.hub.gated_engine import GatedEngine
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import idle, pass_time, virtual_loop

PRESENT = replace(OPEN, presence=True)
TTL_S = 60


def gated_node() -> tuple[Node, GatedEngine]:
    engine = GatedEngine(virtual_loop().clock)
    return Node(hub_config(OPEN, {"present": PRESENT}, ping_interval_s=0), engine), engine


async def present(engine: GatedEngine, channel: str = "present:1") -> set[str]:
    return set(await engine.inner.presence(channel))


async def test_a_client_stays_present_as_long_as_it_is_here() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("present:1", "present:2", "news")
        await pass_time(10 * TTL_S)
        for channel in ("present:1", "present:2"):
            assert await present(engine, channel) == {client.connection.client_id}
        assert await present(engine, "news") == set()


async def test_without_renewal_it_vanishes_when_its_lease_ends() -> None:
    """As it does when its node dies."""
    node, engine = gated_node()
    await node.subscribed("present:1")
    await pass_time(TTL_S - 1)
    assert len(await present(engine)) == 1
    await pass_time(2)
    assert await present(engine) == set()


async def test_a_renewal_carries_what_the_client_is_by_now() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("present:1", user="42")
        await client.call("refresh", token=node.token("42", info={"name": "Ann"}))
        await pass_time(30)
        (info,) = (await engine.inner.presence("present:1")).values()
        assert bytes(info.conn_info or b"") == b'{"name":"Ann"}'


async def test_an_engine_that_is_away_for_a_while_loses_nobody(caplog: pytest.LogCaptureFixture) -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("present:1")
        engine.is_down = True
        await pass_time(28)
        assert node.hub.presence.failures == 1
        assert "presence_renewal_failed" in caplog.text
        engine.is_down = False
        await pass_time(27)
        assert await present(engine) == {client.connection.client_id}


async def test_one_that_leaves_while_it_is_renewed_does_not_come_back() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("present:1")
        engine.is_gated = True
        node.hub.presence.renew_soon(client.connection)
        await idle()  # the renewal is under way
        engine.is_gated = False
        await client.call("unsubscribe", channel="present:1")
        while engine.waiting:
            engine.pass_one()
            await idle()
        assert await present(engine) == set()


async def test_one_that_comes_back_while_it_is_renewed_stays() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("present:1")
        engine.is_gated = True
        node.hub.presence.renew_soon(client.connection)
        await idle()
        engine.is_gated = False
        await client.call("unsubscribe", channel="present:1")
        await client.call("subscribe", channel="present:1")
        while engine.waiting:
            engine.pass_one()
            await idle()
        assert await present(engine) == {client.connection.client_id}


@pytest.mark.parametrize("last", [0, 1])
async def test_a_late_end_of_an_earlier_subscription_does_not_remove_the_next_one(last: int) -> None:
    """Ended by a backend while it joined: two departures are under way, and either may end last."""
    node, engine = gated_node()
    async with node.running():
        client = await node.connected("42")
        engine.is_gated = True
        loop = virtual_loop()
        refused = loop.create_task(client.call("subscribe", channel="present:1"))
        await idle()
        for _ in range(3):  # subscribed, and the presence is there; its answer is still on the way
            engine.pass_one()
            await idle()
        assert len(await present(engine)) == 1
        ended = loop.create_task(node.hub.control.perform(UnsubscribeUser(user="42", channel="present:1")))
        await idle()
        engine.pass_one()
        assert (await refused)["error"]["code"] == 100
        joined = loop.create_task(client.call("subscribe", channel="present:1"))
        await idle()
        late = engine.waiting[last]
        while others := [number for number, call in enumerate(engine.waiting) if call is not late]:
            engine.pass_one(others[0])
            await idle()
        engine.is_gated = False
        while engine.waiting:
            engine.pass_one()
            await idle()
        await ended
        assert (await joined)["subscribe"] == {}
        assert await present(engine) == {client.connection.client_id}


async def test_one_that_is_joining_a_channel_it_left_before_is_not_renewed_twice() -> None:
    node, engine = gated_node()
    async with node.running():
        client = await node.subscribed("present:1")
        node.hub.presence.renew_soon(client.connection)
        node.hub.presence.renew_soon(client.connection)
        await idle()
        assert node.hub.presence.failures == 0
        assert await present(engine) == {client.connection.client_id}
