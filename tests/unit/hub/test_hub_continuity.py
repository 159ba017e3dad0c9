"""A publication that cannot be encoded is a break that its subscribers are told of, never a silent gap."""

from __future__ import annotations

import pytest

from hub.protocol import codes
from hub.protocol.json_codec import JSONCodec
from tests.unit.hub.staged_node import staged_node


class Fault(Exception):
    """Ours."""


@pytest.fixture
def unencodable(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The patch under which nothing can be encoded; `undo` ends that."""

    def fail(*_: object) -> bytes:
        raise Fault

    monkeypatch.setattr(JSONCodec, "encode_publication", fail)
    return monkeypatch


async def test_positioned_subscribers_are_told_to_resynchronise(request: pytest.FixtureRequest) -> None:
    async with staged_node() as node:
        client = await node.subscribed("news", user="ann")
        await node.hub.publish("news", b"1")
        patch: pytest.MonkeyPatch = request.getfixturevalue("unencodable")
        with pytest.raises(Fault):
            await node.hub.publish("news", b"2")
        patch.undo()
        await node.hub.publish("news", b"3")
        messages = await client.read()
        pushes = [message["push"] for message in messages]
        assert [push["pub"]["data"] for push in pushes if "pub" in push] == [1]
        assert [push["unsubscribe"]["code"] for push in pushes if "unsubscribe" in push] == [2500]
        assert node.hub.counters.insufficient_state == 1
        (publication,) = [push["pub"] for push in pushes if "pub" in push]
        reply = await client.call("subscribe", channel="news", recover=True, offset=publication["offset"])
        assert [found["data"] for found in reply["subscribe"]["publications"]] == [2, 3]


async def test_a_server_side_subscriber_is_closed_to_resynchronise(request: pytest.FixtureRequest) -> None:
    async with staged_node() as node:
        client = await node.connected("ann", token=node.token("ann", subs={"news": {}}))
        request.getfixturevalue("unencodable")
        with pytest.raises(Fault):
            await node.hub.publish("news", b"1")
        assert client.goodbye == codes.INSUFFICIENT_STATE


async def test_a_client_that_publishes_it_gets_one_error_and_stays(request: pytest.FixtureRequest) -> None:
    async with staged_node() as node:
        await node.subscribed("news", user="ann")
        publisher = await node.connected("bob")
        request.getfixturevalue("unencodable")
        assert (await publisher.call("publish", channel="news", data=1))["error"]["code"] == 100
        assert publisher.goodbye is None
        assert node.hub.counters.handler_failures == 1
