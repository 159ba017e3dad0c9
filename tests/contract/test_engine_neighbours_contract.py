"""What engines for several nodes promise about two of them on the same servers (hub/engine.py)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

from hub.engine import NodeInfo, PresenceStats
from hub.protocol.messages import ClientInfo
from tests.contract.conftest import NODE_UID, OTHER_NODE_UID
from tests.contract.engine_calls import ALL, LOGGED, UNLOGGED, kept_offsets, numbered, offsets_of, position_of, publish

if TYPE_CHECKING:
    from tests.contract.conftest import Neighbours

ANN = ClientInfo(user="ann", client="client-1")
BOB = ClientInfo(user="bob", client="client-2")


class TestTwoNodes:
    async def test_a_publication_here_is_heard_there_and_here(self, neighbours: Neighbours) -> None:
        here, there, *listeners = neighbours
        await here.subscribe("news")
        await there.subscribe("news")
        first = await publish(here, "news", data=1)
        second = await publish(there, "news", data=2)
        await publish(here, "news", UNLOGGED, data=3)
        for listener in listeners:
            await listener.until(lambda heard: len(heard.publications) == 3)
            assert [heard.position for heard in listener.publications] == [first.position, second.position, None]
            assert [bytes(heard.publication.data or b"") for heard in listener.publications] == [b"1", b"2", b"3"]

    async def test_both_hear_the_same_order_whoever_publishes(self, neighbours: Neighbours) -> None:
        here, there, *listeners = neighbours
        for node in (here, there):
            await node.subscribe("news")
        deep = replace(LOGGED, history_size=1_000)
        await asyncio.gather(*(publish(node, "news", deep, number) for number in range(100) for node in (here, there)))
        heard = []
        for listener in listeners:
            await listener.until(lambda listener: len(listener.publications) == 200)
            assert offsets_of(delivery.publication for delivery in listener.publications) == list(range(1, 201))
            heard.append([bytes(delivery.publication.data or b"") for delivery in listener.publications])
        assert heard[0] == heard[1]

    async def test_they_share_history_keys_and_versions(self, neighbours: Neighbours) -> None:
        here, there, *_ = neighbours
        options = replace(LOGGED, idempotency_key="once", version=3)
        first = await publish(here, "news", options)
        assert (await publish(there, "news", options)) == first._replace(is_suppressed=True)
        assert (await publish(there, "news", replace(LOGGED, version=2))).is_suppressed
        assert await kept_offsets(there, "news") == [1]
        assert (await here.history("news", ALL)).position == (await there.history("news", ALL)).position
        await there.remove_history("news")
        assert await kept_offsets(here, "news") == []
        assert position_of(await publish(here, "news")).offset == 2

    async def test_a_batch_is_one_step_for_the_other(self, neighbours: Neighbours) -> None:
        here, there, _, heard_there = neighbours
        await there.subscribe("news")
        await here.publish_many("news", [(numbered(number), LOGGED) for number in range(5)])
        await heard_there.until(lambda heard: len(heard.publications) == 5)
        assert offsets_of(delivery.publication for delivery in heard_there.publications) == [1, 2, 3, 4, 5]

    async def test_they_share_presence_joins_and_leaves(self, neighbours: Neighbours) -> None:
        here, there, _, heard_there = neighbours
        await there.subscribe("news")
        await here.add_presence("news", ANN.client, ANN, 60)
        await there.add_presence("news", BOB.client, BOB, 60)
        await here.publish_join("news", ANN)
        await here.publish_leave("news", ANN)
        assert await there.presence("news") == await here.presence("news") == {ANN.client: ANN, BOB.client: BOB}
        assert await here.presence_stats("news") == PresenceStats(2, 2)
        await there.remove_presence("news", ANN.client, ANN.user)
        assert await here.presence("news") == {BOB.client: BOB}
        await heard_there.until(lambda heard: bool(heard.leaves))
        assert (heard_there.joins, heard_there.leaves) == ([("news", ANN)], [("news", ANN)])

    async def test_a_control_message_reaches_both_in_one_order(self, neighbours: Neighbours) -> None:
        here, there, *listeners = neighbours
        messages = [b"%d" % number for number in range(20)]
        await asyncio.gather(*(node.control(message) for message in messages for node in (here, there)))
        for listener in listeners:
            await listener.until(lambda heard: len(heard.control_messages) == 40)
        assert listeners[0].control_messages == listeners[1].control_messages
        assert sorted(set(listeners[0].control_messages), key=int) == messages

    async def test_a_control_message_to_one_node_reaches_no_other(self, neighbours: Neighbours) -> None:
        here, there, heard_here, heard_there = neighbours
        await here.control(b"to b", node=OTHER_NODE_UID)
        await there.control(b"to a", node=NODE_UID)
        await here.control(b"to a from itself", node=NODE_UID)
        await here.control(b"to nobody", node="elsewhere")
        await here.control(b"to all")
        await heard_here.until(lambda heard: len(heard.control_messages) == 3)
        await heard_there.until(lambda heard: len(heard.control_messages) == 2)
        assert sorted(heard_here.control_messages) == [b"to a", b"to a from itself", b"to all"]
        assert sorted(heard_there.control_messages) == [b"to all", b"to b"]

    async def test_each_lists_both(self, neighbours: Neighbours) -> None:
        here, there, *_ = neighbours
        one, other = NodeInfo(uid=NODE_UID, name="one"), NodeInfo(uid=OTHER_NODE_UID, name="other")
        await here.announce(one)
        await there.announce(other)
        for node in (here, there):
            assert sorted(await node.nodes(), key=lambda info: info.uid) == [one, other]
