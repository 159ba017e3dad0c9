"""Several commands in one frame, as the JavaScript SDK sends them: in order, each to its end before the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.local_server import FULL, hub_config
from tests.support.raw_client import Close
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer


async def test_replies_come_in_the_order_of_their_commands(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.client()
    await client.send(
        {"id": 10, "connect": {}},
        {"id": 30, "subscribe": {"channel": "a"}},
        {"id": 20, "publish": {"channel": "a", "data": 1}},
        {"id": 50, "history": {"channel": "a", "limit": -1}},
        {"id": 40, "presence_stats": {"channel": "a"}},
        {"id": 60, "unsubscribe": {"channel": "a"}},
        {"id": 70, "rpc": {"method": "nobody"}},
    )
    await client.reply(70)
    ids = [message["id"] for message in client.messages if "id" in message]
    assert ids == [10, 30, 20, 50, 40, 60, 70]


async def test_each_command_sees_what_the_one_before_it_did(server: LocalServer) -> None:
    client = await server.client()
    await client.send(
        {"id": 1, "connect": {}},
        {"id": 2, "subscribe": {"channel": "a"}},
        {"id": 3, "subscribe": {"channel": "a"}},
        {"id": 4, "unsubscribe": {"channel": "a"}},
        {"id": 5, "subscribe": {"channel": "a"}},
    )
    assert "subscribe" in await client.reply(2)
    assert (await client.reply(3))["error"]["code"] == 105
    assert await client.reply(4) == {"unsubscribe": {}}
    assert "subscribe" in await client.reply(5)


async def test_unsubscribe_right_behind_its_subscribe_leaves_nothing(server: LocalServer) -> None:
    client = await server.connected()
    for _ in range(20):
        await client.send({"id": 101, "subscribe": {"channel": "a"}}, {"id": 102, "unsubscribe": {"channel": "a"}})
        await client.reply(102)
    await client.settled()
    assert not server.hub.index.channels


async def test_many_alternations_end_in_the_last_state(server: LocalServer) -> None:
    client = await server.connected()
    commands = [{"id": 100 + n, ("subscribe", "unsubscribe")[n % 2]: {"channel": "a"}} for n in range(101)]
    await client.send(*commands)
    assert "subscribe" in await client.reply(200)
    await server.api.publish("a", "still here")
    assert await client.data("a", 1) == ["still here"]


async def test_ids_are_opaque_and_may_repeat(server: LocalServer) -> None:
    client = await server.connected()
    for command_id in (7, 7, 2**32 - 1, 1):
        await client.send({"id": command_id, "rpc": {"method": "x"}})
        assert (await client.reply(command_id))["error"]["code"] == 108


async def test_commands_behind_the_one_that_ends_the_connection_are_not_run(server: LocalServer) -> None:
    witness = await server.subscribed("a")
    client = await server.connected()
    await client.send(
        {"id": 1, "publish": {"channel": "a", "data": "before"}},
        {"id": 2, "connect": {}},
        {"id": 3, "publish": {"channel": "a", "data": "after"}},
    )
    assert await client.closing() == Close(3501, "bad request")
    await server.api.publish("a", "last")
    assert await witness.data("a", 2) == ["before", "last"]


async def test_commands_behind_a_refused_connect_are_not_run(server: LocalServer) -> None:
    witness = await server.subscribed("a")
    client = await server.client()
    await client.send(
        {"id": 1, "connect": {"token": connection_token("42", ttl_s=-1)}},
        {"id": 2, "publish": {"channel": "a", "data": "never"}},
    )
    assert (await client.reply(1))["error"]["code"] == 109
    assert await client.closing() == Close(3501, "bad request")
    await server.api.publish("a", "last")
    assert await witness.data("a", 1) == ["last"]


async def test_reply_written_before_a_goodbye_still_arrives(server: LocalServer) -> None:
    client = await server.client()
    await client.send({"id": 1, "connect": {}}, {"id": 2, "connect": {}})
    assert "connect" in await client.reply(1)
    assert await client.closing() == Close(3501, "bad request")


async def test_one_trailing_newline_is_allowed(server: LocalServer) -> None:
    client = await server.client()
    await client.send_raw('{"id":1,"connect":{}}\n{"id":2,"rpc":{"method":"x"}}\n')
    assert "connect" in await client.reply(1)
    assert "error" in await client.reply(2)


async def test_burst_of_publications_is_delivered_whole_and_in_order(server: LocalServer) -> None:
    client, watcher = await server.connected(), await server.subscribed("a")
    await client.send(*({"id": 100 + n, "publish": {"channel": "a", "data": n}} for n in range(200)))
    assert await watcher.data("a", 200) == list(range(200))
