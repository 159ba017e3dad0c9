from __future__ import annotations

from typing import Any

import pytest

from hub.config import ChannelOptions
from hub.protocol import codes
from tests.unit.hub.client import Client, Message
from tests.unit.hub.node import Node, hub_config

STREAM = ChannelOptions(
    history_size=10, history_ttl_s=60, allow_history_for_client=True, allow_history_for_anonymous=True
)
NAMESPACES = {
    "closed": ChannelOptions(history_size=10, history_ttl_s=60),
    "silent": ChannelOptions(allow_history_for_client=True),
}


class Reader:
    """A client of a node whose channel `news` holds five publications."""

    def __init__(self, node: Node, client: Client) -> None:
        self.node = node
        self.client = client

    @classmethod
    async def of(cls, **options: Any) -> Reader:
        node = Node(hub_config(STREAM, NAMESPACES, **options))
        for number in range(1, 6):
            await node.hub.publish("news", b"%d" % number)
        return cls(node, await node.connected("42"))

    async def history(self, **request: object) -> Message:
        return await self.client.call("history", channel="news", **request)

    async def offsets(self, **request: object) -> list[int]:
        result = (await self.history(**request))["history"]
        assert result["offset"] == 5
        return [publication["offset"] for publication in result["publications"]]


@pytest.mark.parametrize(
    ("request_", "offsets"),
    [
        ({}, []),
        ({"limit": 0}, []),
        ({"limit": 2}, [1, 2]),
        ({"limit": -1}, [1, 2, 3, 4, 5]),
        ({"limit": 100}, [1, 2, 3, 4, 5]),
        ({"limit": -1, "since": {"offset": 3}}, [4, 5]),
        ({"limit": 1, "since": {"offset": 3}}, [4]),
        ({"limit": -1, "since": {"offset": 5}}, []),
        ({"limit": -1, "since": {"offset": 9}}, []),
        ({"limit": 2, "reverse": True}, [5, 4]),
        ({"limit": -1, "reverse": True, "since": {"offset": 3}}, [2, 1]),
    ],
)
async def test_which_part_is_given(request_: dict[str, Any], offsets: list[int]) -> None:
    assert await (await Reader.of()).offsets(**request_) == offsets


@pytest.mark.parametrize("limit", [-1, 3, 4, 1_000])
async def test_no_more_than_the_limit_at_once(limit: int) -> None:
    assert len(await (await Reader.of(history_max_publication_limit=3)).offsets(limit=limit)) == 3


async def test_without_a_limit_everything_may_be_asked_for() -> None:
    assert len(await (await Reader.of(history_max_publication_limit=0)).offsets(limit=-1)) == 5


async def test_trap_02_an_empty_history_is_told_whole() -> None:
    client = await Node(hub_config(STREAM)).connected()
    result = (await client.call("history", channel="chat"))["history"]
    assert (result["publications"], result["offset"], len(result["epoch"])) == ([], 0, 8)


async def test_another_epoch_is_112_and_none_is_any() -> None:
    reader = await Reader.of()
    assert (await reader.history(limit=-1, since={"offset": 1, "epoch": "elsewhere"}))["error"]["code"] == 112
    epoch = (await reader.history())["history"]["epoch"]
    assert await reader.offsets(limit=-1, since={"offset": 4, "epoch": epoch}) == [5]


async def test_reading_backwards_from_the_beginning_is_107() -> None:
    assert (await (await Reader.of()).history(limit=1, reverse=True, since={"offset": 0}))["error"]["code"] == 107


@pytest.mark.parametrize(("channel", "code"), [("silent:1", 108), ("closed:1", 103), ("nowhere:1", 102)])
async def test_what_is_refused(channel: str, code: int) -> None:
    client = await Node(hub_config(STREAM, NAMESPACES)).connected("42")
    assert (await client.call("history", channel=channel))["error"]["code"] == code


async def test_trap_13_history_that_is_off_is_108_even_in_insecure_mode() -> None:
    client = await Node(hub_config(STREAM, NAMESPACES, insecure=True)).connected()
    assert (await client.call("history", channel="silent:1"))["error"]["code"] == 108
    assert "history" in await client.call("history", channel="closed:1")


async def test_an_empty_channel_breaks_the_protocol() -> None:
    client = await Node().connected()
    await client.send({"id": 2, "history": {}})
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
