"""How a subscription comes to be, step by step. What clients see of it: commands/test_subscribe, test_connect."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.config import ChannelOptions
from hub.errors import Disconnected, EngineUnavailable, ReplyError
from hub.joining import MAX_TTL_S, NO_WISH, Grant, Joining, Wish, announce_join, begin_join, go_live, settle_join, ttl_s
from hub.protocol import codes
from hub.subscriptions import Phase, Subscription
from hub.tokens.claims import Override
from tests.unit.hub.gated_engine import GatedEngine
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import idle, run_in_virtual_time, virtual_loop

HISTORY: dict[str, Any] = {"history_size": 10, "history_ttl_s": 60}
PROPERTIES = ("presence", "join_leave", "force_push_join_leave", "force_positioning", "force_recovery")


async def joining_of(
    node: Node, options: ChannelOptions, wish: Wish = NO_WISH, grant: Grant | None = None, **begin: Any
) -> Joining:
    client = await node.connected("42")
    return await begin_join(client.connection, "news", options, wish=wish, grant=grant or Grant(), **begin)


def granted(subscription: Subscription) -> dict[str, bool]:
    return {
        "presence": subscription.has_presence,
        "join_leave": subscription.emits_join_leave,
        "force_push_join_leave": subscription.sees_join_leave,
        "force_positioning": subscription.is_positioned,
        "force_recovery": subscription.is_recoverable,
    }


@pytest.mark.parametrize("name", PROPERTIES)
@pytest.mark.parametrize(("option", "override"), list(product([False, True], [None, False, True])))
async def test_an_override_decides_instead_of_the_namespace(name: str, option: bool, override: bool | None) -> None:
    options = replace(OPEN, **HISTORY, **cast("dict[str, Any]", {name: option}))
    grant = Grant(override=Override(**{name: override}))
    joining = await joining_of(Node(hub_config(options)), options, grant=grant)
    assert granted(joining.subscription)[name] == (option if override is None else override)


async def test_without_history_nothing_is_positioned_or_recovered_whoever_says_so() -> None:
    options = replace(OPEN, force_recovery=True, force_positioning=True)
    joining = await joining_of(Node(hub_config(options)), options)
    assert not joining.subscription.is_positioned
    assert not joining.subscription.is_recoverable
    assert joining.history is None
    assert set(msg_fields(joining)) == set()


def msg_fields(joining: Joining) -> dict[str, object]:
    result = settle_join(joining)
    return {name: getattr(result, name) for name in ("epoch", "offset", "recovered") if getattr(result, name)}


@pytest.mark.parametrize(
    ("options", "wish", "is_positioned", "is_recoverable"),
    [
        ({}, Wish(is_positioned=True, is_recoverable=True), False, False),
        ({"allow_positioning": True}, Wish(), False, False),
        ({"allow_positioning": True}, Wish(is_positioned=True), True, False),
        ({"allow_positioning": True}, Wish(is_recoverable=True), False, False),
        ({"allow_recovery": True}, Wish(is_recoverable=True), True, True),
        ({"allow_recovery": True}, Wish(is_positioned=True), False, False),
        ({"allow_history_for_client": True}, Wish(is_positioned=True), True, False),
        ({"allow_history_for_client": True}, Wish(is_recoverable=True), True, True),
        ({"force_positioning": True}, Wish(), True, False),
        ({"force_recovery": True}, Wish(), True, True),
    ],
)
async def test_what_is_asked_for_is_granted_as_far_as_the_channel_allows(
    options: dict[str, Any], wish: Wish, is_positioned: bool, is_recoverable: bool
) -> None:
    channel_options = replace(OPEN, **HISTORY, **options)
    subscription = (await joining_of(Node(hub_config(channel_options)), channel_options, wish)).subscription
    assert (subscription.is_positioned, subscription.is_recoverable) == (is_positioned, is_recoverable)


async def test_nothing_is_left_of_a_join_whose_engine_fails() -> None:
    engine = GatedEngine(virtual_loop().clock)
    options = replace(OPEN, **HISTORY, force_recovery=True, presence=True)
    node = Node(hub_config(options), engine)
    async with node.running():
        client = await node.connected("42")
        for step in range(6):
            engine.is_gated = True
            task = virtual_loop().create_task(begin_join(client.connection, "news", options))
            await idle()
            for _ in range(step):
                engine.pass_one()
                await idle()
            engine.is_down = True
            engine.is_gated = False
            while engine.waiting:
                engine.pass_one()
                await idle()
            with pytest.raises(EngineUnavailable):
                await task
            engine.is_down = False
            await idle()
            assert client.connection.subscriptions == {}
            assert node.hub.index.channels == {}


async def test_one_that_has_expired_already_does_not_join() -> None:
    node = Node()
    with pytest.raises(ReplyError) as refusal:
        await joining_of(node, OPEN, grant=Grant(expire_at_s=node.clock.now_s()))
    assert refusal.value.error is codes.EXPIRED
    assert node.hub.index.channels == {}


@pytest.mark.parametrize("is_server_side", [True, False])
async def test_channels_are_limited_for_clients_by_an_error_and_for_servers_by_the_end(is_server_side: bool) -> None:
    node = Node(hub_config(channel_limit=1))
    client = await node.subscribed("chat")
    with pytest.raises(Disconnected if is_server_side else ReplyError) as refusal:
        await begin_join(client.connection, "news", OPEN, is_server_side=is_server_side)
    assert str(refusal.value) == ("3505 channel limit" if is_server_side else "106 limit exceeded")


async def test_nobody_joins_a_connection_that_is_over() -> None:
    client = await Node().connected()
    client.connection.close(codes.SHUTDOWN)
    with pytest.raises(ReplyError):
        await begin_join(client.connection, "news", OPEN)
    assert client.connection.subscriptions == {}


async def test_live_means_in_the_audience_and_not_joining_any_more() -> None:
    node = Node()
    joining = await joining_of(node, OPEN)
    channel = joining.subscription.channel
    assert (channel.num_clients, joining.subscription.phase) == (1, Phase.JOINING)
    settle_join(joining)
    go_live(joining)
    assert list(channel.live_subscriptions()) == [joining.subscription]
    assert channel.joining == {}


async def test_a_join_is_announced_once_and_only_while_it_stands() -> None:
    options = replace(OPEN, join_leave=True)
    node = Node(hub_config(options))
    joining = await joining_of(node, options)
    settle_join(joining)
    go_live(joining)
    await announce_join(joining.subscription)
    assert joining.subscription.is_announced
    late = await joining_of(node, options)
    await node.hub.depart(late.subscription)
    await announce_join(late.subscription)
    assert not late.subscription.is_announced


async def test_a_join_that_a_gate_has_broken_is_told_to_come_back() -> None:
    options = replace(OPEN, **HISTORY, force_recovery=True)
    node = Node(hub_config(options))
    joining = await joining_of(node, options)
    assert joining.subscription.gate is not None
    joining.subscription.gate.is_broken = True
    with pytest.raises(Disconnected) as end:
        settle_join(joining)
    assert end.value.disconnect is codes.INSUFFICIENT_STATE
    assert node.hub.counters.insufficient_state == 1


@given(st.floats(-1e10, 1e12))
def test_a_lifetime_is_told_in_whole_seconds_from_one_to_a_year(left_s: float) -> None:
    async def told() -> int:
        hub = Node().hub
        return ttl_s(hub, hub.clock.now_s() + left_s)

    told_s = run_in_virtual_time(told())
    assert 1 <= told_s <= MAX_TTL_S
    assert told_s <= max(left_s, 1) + 1e-3
    assert told_s >= min(left_s, MAX_TTL_S) - 1.001
