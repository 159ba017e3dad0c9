from __future__ import annotations

from dataclasses import replace

import pytest

from hub.config import ChannelOptions
from hub.protocol import codes
from tests.unit.hub.node import OPEN, Node, hub_config

NAMESPACES = {
    "closed": ChannelOptions(allow_subscribe_for_client=True),
    "subscribers": ChannelOptions(allow_subscribe_for_client=True, allow_publish_for_subscriber=True),
    "objects": replace(OPEN, publication_data_format="json_object"),
    "stream": replace(OPEN, history_size=10, history_ttl_s=60),
}


def node() -> Node:
    return Node(hub_config(OPEN, NAMESPACES))


async def test_everybody_who_is_subscribed_receives_it_the_publisher_included() -> None:
    hub_node = node()
    publisher, other = await hub_node.subscribed("stream:1", user="42"), await hub_node.subscribed("stream:1")
    assert await publisher.call("publish", channel="stream:1", data={"n": 1}) == {"publish": {}}
    info = {"user": "42", "client": publisher.connection.client_id}
    for client in (publisher, other):
        assert await client.pushes("pub") == [{"data": {"n": 1}, "info": info, "offset": 1}]


async def test_a_publication_carries_what_the_tokens_say_of_its_publisher() -> None:
    hub_node = node()
    client = await hub_node.connected("42", token=hub_node.token("42", info={"name": "Ann"}))
    token = hub_node.subscription_token("42", "subscribers:1", info={"role": 1})
    await client.call("subscribe", channel="subscribers:1", token=token)
    await client.call("publish", channel="subscribers:1", data=1)
    (publication,) = await client.pushes("pub")
    assert publication["info"]["conn_info"] == {"name": "Ann"}
    assert publication["info"]["chan_info"] == {"role": 1}
    assert "offset" not in publication


@pytest.mark.parametrize(
    ("channel", "data", "code"),
    [
        ("closed:1", 1, 103),
        ("subscribers:1", 1, 103),
        ("nowhere:1", 1, 102),
        ("é", 1, 107),
        ("objects:1", [1], 107),
        ("objects:1", "{}", 107),
    ],
)
async def test_publications_that_are_refused(channel: str, data: object, code: int) -> None:
    client = await node().connected("42")
    assert (await client.call("publish", channel=channel, data=data))["error"]["code"] == code


async def test_data_is_required_and_null_is_data() -> None:
    client = await node().connected()
    assert (await client.call("publish", channel="news"))["error"]["code"] == 107
    assert await client.call("publish", channel="news", data=None) == {"publish": {}}


async def test_an_empty_channel_breaks_the_protocol() -> None:
    client = await node().connected()
    await client.send({"id": 2, "publish": {"data": 1}})
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT


async def test_an_object_may_have_space_before_it() -> None:
    client = await node().connected()
    reply = await client.send_bytes(b'{"id":2,"publish":{"channel":"objects:1","data": \t{"a":1}}}')
    assert reply == [{"id": 2, "publish": {}}]
