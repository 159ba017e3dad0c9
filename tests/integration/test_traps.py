"""The traps most likely to break an SDK: one test at least for each of docs/protocol.md part D that JSON over WebSocket
can fall into, by its number. (4 and 10 are of delta and emulation, which are not served here.)
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from api.config import ListenConfig
from tests.support.api_client import APIClient
from tests.support.local_server import FULL, HOST, OPEN, LocalServer, edge_config, hub_config
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.raw_client import Close, raw_client
from tests.support.tokens import OTHER_SECRET, connection_token, subscription_token
from tests.support.wire import PING, PONG, TEXT, frame, upgrade_request, upgraded, wire

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from tests.integration.conftest import Serve
    from tests.support.raw_client import RawClient

QUIET = replace(FULL, presence=False, join_leave=False)


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


# --- 1 ----------------------------------------------------------------------------------------------------------------


async def second_connect(server: LocalServer, client: RawClient) -> None:
    await client.cast("connect")


async def forged_refresh(server: LocalServer, client: RawClient) -> None:
    await client.cast("refresh", token="x")


async def unserved_send(server: LocalServer, client: RawClient) -> None:
    await client.send({"send": {}})


async def forced(server: LocalServer, client: RawClient) -> None:
    await server.api.call("disconnect", user="42")


async def forced_without_a_reason(server: LocalServer, client: RawClient) -> None:
    await server.api.call("disconnect", user="42", disconnect={"code": 4777})


async def expired(server: LocalServer, client: RawClient) -> None:
    await server.api.call("refresh", user="42", expired=True)


async def drained(server: LocalServer, client: RawClient) -> None:
    await server.server.drain()


@pytest.mark.parametrize(
    "end", [second_connect, forged_refresh, unserved_send, forced, forced_without_a_reason, expired, drained]
)
async def test_trap_01_close_reason_is_plain_text_and_never_json(
    server: LocalServer, end: Callable[[LocalServer, RawClient], Coroutine[Any, Any, None]]
) -> None:
    client = await server.connected("42")
    await end(server, client)
    code, reason = await client.closing()
    assert 3000 < code < 5000
    assert reason
    assert not is_json(reason)
    assert len(reason.encode()) <= 123


# --- 2, 3 -------------------------------------------------------------------------------------------------------------


async def test_trap_02_result_key_is_there_even_when_the_result_is_empty(serve: Serve) -> None:
    server = await serve(hub_config(OPEN, {"full": FULL}, rpc_ping_enabled=True))
    client = await server.connected("42")
    expected = {
        "subscribe": {},
        "publish": {},
        "unsubscribe": {},
        "presence": {"presence": {}},
        "presence_stats": {"num_clients": 0, "num_users": 0},
    }
    for method, result in expected.items():
        channel = "full:a" if method.startswith("presence") else "a"
        assert await client.ask(method, channel=channel, data=1) == {method: result}
    history = await client.call("history", channel="full:a")
    assert (history["publications"], history["offset"]) == ([], 0)
    assert await client.ask("rpc", method="ping") == {"rpc": {"data": {}}}
    assert "refresh" in await client.ask("refresh", token=connection_token("42", ttl_s=None))


async def test_trap_02_client_info_has_user_and_client_even_for_nobody(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.subscribed("a")
    join = await client.push("join")
    assert join["info"]["user"] == ""
    assert join["info"]["client"]


async def test_trap_02_null_never_appears_whatever_is_left_out(serve: Serve) -> None:
    """RawClient fails on any null outside of the application's own data; here that data is null too."""
    server = await serve(hub_config(FULL))
    client = await server.subscribed("a")
    await client.call("publish", channel="a", data=None)
    assert await client.push("pub") == {"data": None, "offset": 1, "info": (await client.push("join"))["info"]}


async def test_trap_03_error_has_a_message_and_unsubscribe_a_reason_and_expires_a_ttl(serve: Serve) -> None:
    server = await serve(hub_config(OPEN))
    client = await server.client()
    result = await client.call("connect", token=connection_token("42", ttl_s=0.9))
    assert (result["expires"], result["ttl"]) == (True, 1), "never 0, which would be left out"
    assert (await client.refusal("subscribe", channel="nowhere:a"))["message"] == "unknown channel"
    await client.call("subscribe", channel="a")
    await server.api.call("unsubscribe", user="42", channel="a")
    assert await client.push("unsubscribe") == {"code": 2000, "reason": "server unsubscribe"}


# --- 5, 6 -------------------------------------------------------------------------------------------------------------


async def test_trap_05_recovered_reply_tells_the_offset_that_was_asked_from_and_an_unrecovered_one_the_top(
    serve: Serve,
) -> None:
    server = await serve(hub_config(QUIET))
    epoch = await server.streamed("a", 5)
    client = await server.connected()
    recovered = await client.call("subscribe", channel="a", recover=True, epoch=epoch, offset=2)
    assert (recovered["recovered"], recovered["offset"]) == (True, 2)
    assert [publication["offset"] for publication in recovered["publications"]] == [3, 4, 5]
    await client.call("unsubscribe", channel="a")
    unrecovered = await client.call("subscribe", channel="a", recover=True, epoch="other", offset=2)
    assert unrecovered["offset"] == 5
    assert not {"recovered", "publications"} & unrecovered.keys()


@pytest.mark.parametrize(("epoch", "recovers"), [("", True), ("_", False)])
async def test_trap_06_empty_epoch_is_any_and_the_sentinel_is_none(serve: Serve, epoch: str, recovers: bool) -> None:
    server = await serve(hub_config(QUIET))
    await server.api.publish("a", 1)
    result = await (await server.connected()).call("subscribe", channel="a", recover=True, epoch=epoch)
    assert result.get("recovered", False) is recovers


@pytest.mark.parametrize("flag", [0, 1, 2, 3])
async def test_trap_06_flag_2_rejects_unrecovered_and_flag_1_means_nothing(serve: Serve, flag: int) -> None:
    server = await serve(hub_config(QUIET))
    await server.api.publish("a", 1)
    client = await server.connected()
    reply = await client.ask("subscribe", channel="a", recover=True, epoch="other", offset=1, flag=flag)
    assert ("error" in reply) is bool(flag & 2)
    assert reply.get("error", {"code": 112})["code"] == 112


async def test_trap_06_numeric_channel_ids_are_never_sent(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    client = await server.connected()
    assert "id" not in await client.call("subscribe", channel="a", flag=1)
    await server.api.publish("a", 1)
    await client.push("pub", "a")
    assert all(push.keys() <= {"channel", "pub"} for push in (m["push"] for m in client.messages if "push" in m))


# --- 7, 8 -------------------------------------------------------------------------------------------------------------


async def test_trap_07_pong_without_ping_is_a_violation(server: LocalServer) -> None:
    client = await server.connected()
    await client.send({})
    assert await client.closing() == Close(3501, "bad request")


async def test_trap_07_ping_is_neither_a_reply_nor_a_push_and_one_pong_answers_it(serve: Serve) -> None:
    server = await serve(hub_config(ping_interval_s=0.3, pong_timeout_s=0.25))
    client = await server.connected()
    for _ in range(3):
        await client.ping()
    await client.settled()


async def test_trap_07_pings_come_on_a_busy_connection_too(serve: Serve) -> None:
    """centrifuge-python restarts its timer at pings alone."""
    server = await serve(hub_config(ping_interval_s=0.3, pong_timeout_s=0.25))
    client = await server.subscribed("a")
    while client.messages.count({}) < 2:
        await server.api.publish("a", 1)
        await client.push("pub")


async def test_trap_08_native_ping_is_answered(server: LocalServer) -> None:
    async with upgraded(HOST, server.port) as socket:
        await socket.send(frame(PING, b"are you there"))
        assert await socket.receive() == (PONG, b"are you there")


async def test_trap_08_native_ping_is_answered_between_messages_of_a_busy_connection(server: LocalServer) -> None:
    client = await server.subscribed("a")
    for n in range(20):
        await server.api.publish("a", n)
        await (await client.socket.ping(b"%d" % n))
    assert await client.data("a", 20) == list(range(20))


@pytest.mark.parametrize("offer", ["", "permessage-deflate", "permessage-deflate; client_max_window_bits"])
async def test_trap_08_offer_of_compression_is_declined(server: LocalServer, offer: str) -> None:
    async with wire(HOST, server.port) as socket:
        request = upgrade_request("/connection/websocket", {"Sec-WebSocket-Extensions": offer} if offer else {})
        await socket.send(request)
        status, headers = await socket.response()
        assert (status, headers.get("sec-websocket-extensions")) == (101, None)


async def test_trap_08_empty_subprotocol_header_is_tolerated(server: LocalServer) -> None:
    async with wire(HOST, server.port) as socket:
        await socket.send(upgrade_request("/connection/websocket", {"Sec-WebSocket-Protocol": ""}))
        status, headers = await socket.response()
        assert (status, headers.get("sec-websocket-protocol")) == (101, None)
        await socket.send(frame(TEXT, b'{"id":1,"connect":{}}'))
        assert (await socket.receive()).payload.startswith(b'{"id":1,"connect":')


# --- 9 ----------------------------------------------------------------------------------------------------------------


async def test_trap_09_first_frame_holds_connect_and_subscribes(server: LocalServer) -> None:
    client = await server.client()
    subscribes = [{"id": n, "subscribe": {"channel": f"channel-{n}"}} for n in range(2, 50)]
    await client.send({"id": 1, "connect": {}}, *subscribes)
    await client.reply(49)
    assert [message["id"] for message in client.messages] == list(range(1, 50))


async def test_trap_09_publications_come_only_after_their_subscribe_reply(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    publisher = await server.connected()
    publishing = asyncio.create_task(publish_on_and_on(publisher))
    try:
        for _ in range(20):
            client = await server.client()
            await client.send({"id": 1, "connect": {}}, {"id": 2, "subscribe": {"channel": "a"}})
            first = await client.push("pub")
            kinds = [next(iter(message.get("push", message).keys() - {"id", "channel"})) for message in client.messages]
            assert kinds[:2] == ["connect", "subscribe"]
            assert set(kinds[2:]) == {"pub"}
            assert first["offset"] == client.messages[1]["subscribe"].get("offset", 0) + 1
            await client.leave()
    finally:
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)


async def publish_on_and_on(publisher: RawClient) -> None:
    while True:
        await publisher.call("publish", channel="a", data=1)


async def test_trap_09_unsubscribe_is_idempotent_and_a_second_subscribe_is_105(server: LocalServer) -> None:
    client = await server.subscribed("a")
    assert (await client.refusal("subscribe", channel="a"))["code"] == 105
    for _ in range(2):
        assert await client.call("unsubscribe", channel="a") == {}


# --- 11 ---------------------------------------------------------------------------------------------------------------


async def test_trap_11_forged_and_expired_tokens_are_told_apart(server: LocalServer) -> None:
    client = await server.client()
    assert (await client.refusal("connect", token=connection_token("42", ttl_s=-1)))["code"] == 109
    client = await server.client()
    await client.cast("connect", token=connection_token("42", secret=OTHER_SECRET))
    assert await client.closing() == Close(3500, "invalid token")
    client = await server.connected("42")
    expired, forged = subscription_token("42", "a", -1), subscription_token("42", "a", secret=OTHER_SECRET)
    assert (await client.refusal("subscribe", channel="a", token=expired))["code"] == 109
    assert (await client.refusal("subscribe", channel="a", token=forged))["code"] == 103


async def test_trap_11_connect_without_any_credentials_is_a_disconnect_not_an_error(serve: Serve) -> None:
    server = await serve(hub_config(allow_anonymous_connect_without_token=False))
    client = await server.client()
    await client.cast("connect")
    assert await client.closing() == Close(3501, "bad request")
    assert client.messages == []


# --- 12, 13 -----------------------------------------------------------------------------------------------------------


async def test_trap_12_api_answers_200_even_for_errors_and_401_for_the_key(server: LocalServer) -> None:
    answer = await server.api.post("/api/publish", {"channel": "nowhere:a", "data": 1})
    assert (answer.status, answer.json) == (200, {"error": {"code": 102, "message": "unknown channel"}})
    stranger = APIClient(server.http_url, "wrong")
    assert (await stranger.post("/api/publish", {"channel": "a", "data": 1})).status == 401


async def test_trap_12_batch_has_method_keys_and_no_result_wrapper(server: LocalServer) -> None:
    commands = [{"publish": {"channel": "a", "data": 1}}, {"unsubscribe": {"user": "42", "channel": "a"}}]
    answer = await server.api.post("/api/batch", {"commands": commands, "parallel": False})
    assert answer.json == {"replies": [{"publish": {}}, {"unsubscribe": {}}]}


@pytest.mark.parametrize("insecure", [False, True])
async def test_trap_13_what_is_switched_off_is_108_even_in_insecure_mode(serve: Serve, insecure: bool) -> None:
    server = await serve(hub_config(insecure=insecure))
    client = await server.subscribed("a")
    for method in ("presence", "presence_stats", "history"):
        assert (await client.refusal(method, channel="a"))["code"] == 108
        assert (await client.refusal(method, channel="nowhere:a"))["code"] == 102
    assert (await client.refusal("rpc", method="method"))["code"] == 108


# --- 14, 15 -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["vanish", "leave", "disconnect"])
async def test_trap_14_client_that_is_gone_frees_its_presence_at_once(serve: Serve, how: str) -> None:
    """Long before its lease ends: this one would last an hour."""
    server = await serve(hub_config(FULL, presence_ttl_s=3600, presence_update_interval_s=1800))
    client = await server.subscribed("a", user="42")
    if how == "disconnect":
        await server.api.call("disconnect", user="42")
    elif how == "leave":
        await client.leave()
    else:
        client.vanish()

    async def is_free() -> bool:
        return await server.api.call("presence", channel="a") == {"presence": {}}

    await eventually(is_free)
    await server.forgotten()


async def test_trap_14_client_that_comes_right_back_counts_once(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    for _ in range(10):
        client = await server.subscribed("a", user="42")
        client.vanish()
        await client.closing()
    await server.subscribed("a", user="42")

    async def is_one() -> bool:
        return bool((await server.api.call("presence_stats", channel="a"))["num_clients"] == 1)

    await eventually(is_one)


async def test_trap_15_localhost_answers_in_both_address_families(serve: Serve) -> None:
    """Node.js resolves it to ::1 first."""
    port = free_port()
    await serve(hub_config(), replace(edge_config(), listen=ListenConfig(port=port)))
    for host in ("127.0.0.1", "[::1]", "localhost"):
        client = await raw_client(f"ws://{host}:{port}/connection/websocket")
        async with client:
            await client.call("connect")
