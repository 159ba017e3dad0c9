"""centrifuge-python 0.7 (JSON), unchanged, on a running server: history, and what a cut wire costs (nothing)."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.e2e.python_sdk import HistoryResult, ReplyError, StreamPosition, subscription_of

if TYPE_CHECKING:
    from tests.e2e.python_sdk import World

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def nothing() -> None:
    """What happens while the wire is cut, in some tests."""


def data_of(result: HistoryResult) -> list[object]:
    return [publication.data for publication in result.publications]


async def test_history(world: World) -> None:
    client, _ = await world.connected()
    subscription, _ = await world.subscribed(client, world.channel())
    await world.publish(world.channel(), 1, 2, 3, 4, 5)
    top = await subscription.history()
    assert (data_of(top), top.offset) == ([], 5)
    assert data_of(await subscription.history(limit=-1)) == [1, 2, 3, 4, 5]
    assert data_of(await subscription.history(limit=2)) == [1, 2]
    assert data_of(await subscription.history(limit=2, reverse=True)) == [5, 4]
    since = StreamPosition(3, top.epoch)
    assert data_of(await subscription.history(limit=-1, since=since)) == [4, 5]
    assert data_of(await subscription.history(limit=-1, since=since, reverse=True)) == [2, 1]
    with pytest.raises(ReplyError, match="112"):
        await subscription.history(limit=-1, since=StreamPosition(3, "of another stream"))


async def test_recovery_after_a_cut(world: World) -> None:
    client, _ = await world.connected()
    _, events = await world.subscribed(client, world.channel())
    first = await events.next("subscribed")
    assert (first.recoverable, first.positioned, first.was_recovering) == (True, True, False)
    last = 0
    for size in (10, 20, 30):
        missed = range(last + 1, last + size + 1)
        back = await world.cut_during(events, partial(world.publish, world.channel(), *missed))
        assert (back.was_recovering, back.recovered) == (True, True)
        last += size + 1
        await world.publish(world.channel(), last)
        await events.publications(last)
    assert events.data == list(range(1, last + 1))
    assert events.offsets == list(range(1, last + 1))


async def test_recovery_while_publishing(world: World) -> None:
    client, _ = await world.connected()
    _, events = await world.subscribed(client, world.channel())
    publishing = asyncio.create_task(world.publish(world.channel(), *range(1, 81)))
    for cut in range(1, 5):
        await events.publications(10 * cut)
        assert (await world.cut_during(events, nothing)).recovered
    await publishing
    assert await events.publications(80) == list(range(1, 81))


async def test_unrecoverable(world: World) -> None:
    client, _ = await world.connected()
    channel = world.channel("short")
    _, events = await world.subscribed(client, channel)
    await world.publish(channel, 1)
    await events.publications(1)
    back = await world.cut_during(events, lambda: world.publish(channel, 2, 3, 4, 5))
    assert (back.was_recovering, back.recovered, back.stream_position.offset) == (True, False, 5)
    await world.publish(channel, 6)
    assert await events.publications(2) == [1, 6]


async def test_cache_recovery(world: World) -> None:
    client, _ = await world.connected()
    channel = world.channel("cache")
    _, events = await world.subscribed(client, channel)
    await world.publish(channel, 1)
    await events.publications(1)
    assert (await world.cut_during(events, lambda: world.publish(channel, 2, 3, 4))).recovered
    assert await events.publications(2) == [1, 4]


async def test_state_of_the_application(world: World) -> None:
    channel = world.channel("short")
    await world.publish(channel, 1)
    asked: list[str] = []

    async def get_state(channel: str) -> StreamPosition:
        asked.append(channel)
        top = await world.api.call("history", channel=channel, limit=0)
        return StreamPosition(top["offset"], top["epoch"])

    client, _ = await world.connected()
    _, events = await world.subscribed(client, channel, get_state=get_state)
    await world.cut_during(events, lambda: world.publish(channel, 2, 3))
    assert await events.publications(2) == [2, 3]
    assert len(asked) == 1, "recovered without asking"
    await world.cut_during(events, lambda: world.publish(channel, 4, 5, 6, 7))
    await world.publish(channel, 8)
    assert await events.publications(3) == [2, 3, 8]
    assert len(asked) == 2, "asked where recovery was refused"


async def test_server_side_recovery_after_a_cut(world: World) -> None:
    channel = world.channel()
    _, events = await world.connected(channels=[channel])
    await events.next("subscribed", lambda context: context.channel == channel)
    await world.publish(channel, 1)
    await events.publications(1)
    world.wire.cut()
    await events.next("connecting")
    await world.publish(channel, 2, 3)
    world.wire.mend()
    back = await events.next("subscribed", lambda context: context.channel == channel)
    assert (back.was_recovering, back.recovered) == (True, True)
    await world.publish(channel, 4)
    assert await events.publications(4) == [1, 2, 3, 4]


async def test_many_subscriptions_in_the_first_frame(world: World) -> None:
    client, _ = await world.connected()
    await client.disconnect()
    subscriptions = [subscription_of(client, world.channel(name=f"room{n}"))[0] for n in range(60)]
    for subscription in subscriptions:
        await subscription.subscribe()
    await client.connect()
    for subscription in subscriptions:
        await subscription.ready()
