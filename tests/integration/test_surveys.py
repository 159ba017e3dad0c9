"""What a backend asks one node about all of them, on a real Redis."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import pytest

from hub import survey
from hub.census import CHANNELS_PER_CHUNK
from tests.support.api_client import APIRefused
from tests.support.cluster import local_nodes
from tests.support.local_server import OPEN, hub_config

if TYPE_CHECKING:
    from tests.support.redis import RedisServer

MANY = 2 * CHANNELS_PER_CHUNK + 1

CONFIG = hub_config(OPEN, channel_limit=MANY, command_rate_limit_per_s=0)


async def test_channels_are_counted_over_all_nodes(redis_server: RedisServer) -> None:
    async with local_nodes(redis_server.port, 3, CONFIG) as nodes:
        for number, node in enumerate(nodes, 1):
            await node.subscribed("ann", "all", *(f"upto-{n}" for n in range(number)))
        expected = {"all": 3, "upto-0": 3, "upto-1": 2, "upto-2": 1}
        for node in nodes:
            channels = (await node.api.call("channels"))["channels"]
            assert {name: channel["num_clients"] for name, channel in channels.items()} == expected
        assert (await nodes[0].api.call("channels", pattern="upto-?"))["channels"].keys() == {
            "upto-0", "upto-1", "upto-2",
        }  # fmt: skip


async def test_an_answer_may_be_of_many_parts(redis_server: RedisServer) -> None:
    async with local_nodes(redis_server.port, 2, CONFIG) as (asked, other), AsyncExitStack():
        client = await other.connected("ann")
        names = [f"channel-{number}" for number in range(MANY)]
        for start in range(0, MANY, 100):
            commands = [
                {"id": 10_000 + n, "subscribe": {"channel": names[n]}} for n in range(start, min(start + 100, MANY))
            ]
            await client.send(*commands)
            for command in commands:
                await client.reply(command["id"])  # type: ignore[arg-type]  # it is a number
        assert (await asked.api.call("channels"))["channels"].keys() == set(names)


async def test_a_node_that_lives_and_does_not_answer_fails_the_sum_and_not_the_list(
    redis_server: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(survey, "SILENCE_S", 0.3)
    async with local_nodes(redis_server.port, 2) as (asked, deaf):
        monkeypatch.setattr(deaf.hub.survey, "receive_question", lambda *_: None)
        with pytest.raises(APIRefused) as refused:
            await asked.api.call("channels")
        assert refused.value.code == 100
        nodes = {node["uid"]: node for node in (await asked.api.call("info"))["nodes"]}
        assert nodes.keys() == {asked.hub.uid, deaf.hub.uid}
        assert "metrics" in nodes[asked.hub.uid]
        assert "metrics" not in nodes[deaf.hub.uid]
        assert asked.hub.measures()["surveys_incomplete"] == 2


async def test_a_node_that_has_left_is_neither_listed_nor_waited_for(redis_server: RedisServer) -> None:
    async with local_nodes(redis_server.port, 2) as (asked, leaving):
        await leaving.subscribed("ann", "news")
        leaving.hub.is_leaving = True
        await leaving.engine.leave()
        assert [node["uid"] for node in (await asked.api.call("info"))["nodes"]] == [asked.hub.uid]
        assert await asked.api.call("channels") == {"channels": {}}


async def test_every_node_tells_its_own_metrics(redis_server: RedisServer) -> None:
    async with local_nodes(redis_server.port, 2) as (asked, other):
        await other.subscribed("ann", "news")
        nodes = {node["uid"]: node for node in (await asked.api.call("info"))["nodes"]}
        described = nodes[other.hub.uid]
        assert (described["num_clients"], described["num_channels"]) == (1, 1)
        assert described["metrics"]["items"]["commands"] == 2
        assert described["process"]["rss"] > 0
