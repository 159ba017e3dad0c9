from __future__ import annotations

import pytest

from hub.config import ChannelOptions
from hub.protocol import codes
from tests.unit.hub.node import Node, hub_config

OPEN_PRESENCE = ChannelOptions(
    presence=True,
    allow_subscribe_for_client=True,
    allow_subscribe_for_anonymous=True,
    allow_presence_for_client=True,
    allow_presence_for_anonymous=True,
)
NAMESPACES = {
    "silent": ChannelOptions(allow_subscribe_for_client=True, allow_presence_for_client=True),
    "closed": ChannelOptions(presence=True, allow_subscribe_for_client=True),
}


def node(*, insecure: bool = False) -> Node:
    return Node(hub_config(OPEN_PRESENCE, NAMESPACES, insecure=insecure))


async def test_presence_names_every_client_with_its_info() -> None:
    hub_node = node()
    ann = await hub_node.subscribed("news", user="42")
    anonymous = await hub_node.subscribed("news")
    reply = await ann.call("presence", channel="news")
    assert reply["presence"]["presence"] == {
        ann.connection.client_id: {"user": "42", "client": ann.connection.client_id},
        anonymous.connection.client_id: {"user": "", "client": anonymous.connection.client_id},
    }


async def test_stats_count_clients_and_users() -> None:
    hub_node = node()
    _, _, client = [await hub_node.subscribed("news", user=user) for user in ("42", "42", "43")]
    assert await client.call("presence_stats", channel="news") == {"presence_stats": {"num_clients": 3, "num_users": 2}}


async def test_trap_02_nobody_is_told_as_an_empty_object_and_zeros() -> None:
    client = await node().connected()
    assert await client.call("presence", channel="news") == {"presence": {"presence": {}}}
    assert await client.call("presence_stats", channel="news") == {"presence_stats": {"num_clients": 0, "num_users": 0}}


@pytest.mark.parametrize("method", ["presence", "presence_stats"])
@pytest.mark.parametrize(("channel", "code"), [("silent:1", 108), ("closed:1", 103), ("nowhere:1", 102)])
async def test_what_is_refused(method: str, channel: str, code: int) -> None:
    client = await node().connected("42")
    assert (await client.call(method, channel=channel))["error"]["code"] == code


@pytest.mark.parametrize("method", ["presence", "presence_stats"])
async def test_trap_13_presence_that_is_off_is_108_even_in_insecure_mode(method: str) -> None:
    client = await node(insecure=True).connected()
    assert (await client.call(method, channel="silent:1"))["error"]["code"] == 108
    assert method in await client.call(method, channel="closed:1")


@pytest.mark.parametrize("method", ["presence", "presence_stats"])
async def test_an_empty_channel_breaks_the_protocol(method: str) -> None:
    client = await node().connected()
    await client.send({"id": 2, method: {}})
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT
