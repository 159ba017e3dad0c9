"""publish: who may, what arrives, and what data is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hub.config import ChannelOptions
from tests.support.local_server import FULL, OPEN, hub_config
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

LISTEN_ONLY = ChannelOptions(allow_subscribe_for_client=True, allow_subscribe_for_anonymous=True)


async def test_publication_carries_its_publishers_info(server: LocalServer) -> None:
    watcher = await server.subscribed("news")
    client = await server.client()
    me = (await client.call("connect", token=connection_token("42", info={"n": 1})))["client"]
    assert await client.call("publish", channel="news", data={"t": 1}) == {}
    assert await watcher.push("pub", "news") == {
        "data": {"t": 1},
        "info": {"user": "42", "client": me, "conn_info": {"n": 1}},
    }


async def test_anonymous_publishers_info_has_an_empty_user(server: LocalServer) -> None:
    watcher = await server.subscribed("news")
    client = await server.client()
    me = (await client.call("connect"))["client"]
    await client.call("publish", channel="news", data=1)
    assert (await watcher.push("pub"))["info"] == {"user": "", "client": me}


async def test_subscribed_publisher_receives_its_own_publication(server: LocalServer) -> None:
    client = await server.subscribed("news")
    await client.call("publish", channel="news", data=1)
    assert await client.data("news", 1) == [1]


async def test_offsets_count_from_one_where_there_is_history(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.subscribed("news")
    for n in range(3):
        await client.call("publish", channel="news", data=n)
    assert [(await client.push("pub"))["offset"] for _ in range(3)] == [1, 2, 3]


async def test_every_subscriber_gets_every_publication_in_one_order(server: LocalServer) -> None:
    watchers = [await server.subscribed("news") for _ in range(5)]
    publishers = [await server.connected() for _ in range(3)]
    for n in range(30):
        await publishers[n % 3].cast("publish", channel="news", data=n)
    first, *others = [await watcher.data("news", 30) for watcher in watchers]
    assert sorted(first) == list(range(30))
    assert all(other == first for other in others)
    for mine in range(3):
        assert [n for n in first if n % 3 == mine] == list(range(mine, 30, 3)), "each publisher's own order is kept"


@pytest.mark.parametrize(
    ("options", "user", "is_subscribed", "may"),
    [
        ({}, "42", True, False),
        ({"allow_publish_for_client": True}, "42", False, True),
        ({"allow_publish_for_client": True}, "", False, False),
        ({"allow_publish_for_client": True, "allow_publish_for_anonymous": True}, "", False, True),
        ({"allow_publish_for_subscriber": True}, "42", True, True),
        ({"allow_publish_for_subscriber": True}, "42", False, False),
        ({"allow_publish_for_subscriber": True}, "", True, False),
        ({"allow_publish_for_subscriber": True, "allow_publish_for_anonymous": True}, "", True, True),
        ({"allow_publish_for_anonymous": True}, "", True, False),
    ],
)
async def test_who_may_publish(
    serve: Serve, options: dict[str, Any], user: str, is_subscribed: bool, may: bool
) -> None:
    server = await serve(hub_config(replace(LISTEN_ONLY, **options)))
    client = await server.connected(user)
    if is_subscribed:
        await client.call("subscribe", channel="news")
    reply = await client.ask("publish", channel="news", data=1)
    assert reply == ({"publish": {}} if may else {"error": {"code": 103, "message": "permission denied"}})


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"channel": "news"}, 107),
        ({"channel": "nowhere:x", "data": 1}, 102),
        ({"channel": "ä", "data": 1}, 107),
        ({"channel": "news", "data": json.loads("[" * 65 + "]" * 65)}, 107),
    ],
    ids=["no data", "unknown namespace", "bad name", "nested too deeply"],
)
async def test_publish_that_is_refused(server: LocalServer, request_: dict[str, Any], code: int) -> None:
    client = await server.connected()
    assert (await client.refusal("publish", **request_))["code"] == code


@pytest.mark.parametrize(
    "data",
    [
        None,
        False,
        0,
        "",
        [],
        {},
        -1.5e300,
        2**63,
        '\u2028\u0000\n\r"\\ <&> ü 🚀',
        {"a": [None, {"b": []}]},
        json.loads("[" * 64 + "]" * 64),
    ],
    ids=["null", "false", "0", "''", "[]", "{}", "float", "big int", "special characters", "nested", "64 deep"],
)
async def test_any_json_value_arrives_as_it_was_sent(server: LocalServer, data: object) -> None:
    client = await server.subscribed("news")
    await client.call("publish", channel="news", data=data)
    await server.api.publish("news", data)
    assert await client.data("news", 2) == [data, data]


async def test_digits_of_a_number_are_not_touched(server: LocalServer) -> None:
    client = await server.subscribed("news")
    data = '{"n":12345678901234567890.12345678901234567890,"e":1E+2}'
    await client.send_raw(f'{{"id":9,"publish":{{"channel":"news","data":{data}}}}}')
    await client.push("pub")
    assert data in "".join(client.frames)


async def test_newlines_between_tokens_of_the_data_never_reach_a_frame(server: LocalServer) -> None:
    """A newline separates messages: inside one it would break the parsers of every subscriber."""
    client = await server.subscribed("news")
    body = b'{"channel": "news", "data": {\n  "a":\r\n [1,\n 2]\n}}'
    assert (await server.api.post("/api/publish", body)).status == 200
    assert await client.data("news", 1) == [{"a": [1, 2]}]


@pytest.mark.parametrize(("data", "may"), [({"a": 1}, True), ([1], False), ("x", False), (None, False)])
async def test_namespace_that_wants_objects_refuses_all_else(serve: Serve, data: object, may: bool) -> None:
    server = await serve(hub_config(replace(OPEN, publication_data_format="json_object")))
    reply = await (await server.connected()).ask("publish", channel="news", data=data)
    assert ("publish" in reply) is may
    assert may or reply["error"]["code"] == 107
