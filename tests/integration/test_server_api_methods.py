"""What each method of the server HTTP API does (docs/protocol.md sections 7.2 and 7.3).

History is read in test_history.py; subscribe, unsubscribe, disconnect and refresh are in
test_server_side_subscriptions.py, where their effects are.
"""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.api_client import APIRefused
from tests.support.local_server import FULL, OPEN, hub_config

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

QUIET = replace(FULL, presence=False, join_leave=False)


async def code_of(server: LocalServer, method: str, **request: Any) -> int:
    """The error code of a call that must be refused."""
    with pytest.raises(APIRefused) as refused:
        await server.api.call(method, **request)
    return refused.value.code


# --- publish ----------------------------------------------------------------------------------------------------------


async def test_publish_tells_the_position_where_there_is_history(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    first, second = await server.api.publish("a", 1), await server.api.publish("a", 2)
    assert (first["offset"], second["offset"]) == (1, 2)
    assert first["epoch"] == second["epoch"] != ""
    assert (await server.api.publish("b", 1))["epoch"] != first["epoch"], "each channel has its own"


async def test_publish_without_history_has_an_empty_result(server: LocalServer) -> None:
    assert await server.api.publish("a", 1) == {}


async def test_publication_of_a_backend_has_tags_and_no_info(server: LocalServer) -> None:
    client = await server.subscribed("a")
    await server.api.publish("a", {"x": 1}, tags={"k": "v"}, delta=True)
    assert await client.push("pub", "a") == {"data": {"x": 1}, "tags": {"k": "v"}}


@pytest.mark.parametrize("data", [None, 0, "", [], {"a": 1}])
async def test_publish_takes_data_in_base64(server: LocalServer, data: object) -> None:
    client = await server.subscribed("a")
    encoded = base64.b64encode(json.dumps(data).encode()).decode()
    await server.api.call("publish", channel="a", b64data=encoded)
    assert await client.data("a", 1) == [data]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"channel": "", "data": 1}, 107),
        ({"data": 1}, 107),
        ({"channel": "a"}, 107),
        ({"channel": "a", "b64data": "***"}, 107),
        ({"channel": "a", "b64data": base64.b64encode(b"not JSON").decode()}, 107),
        ({"channel": "a", "b64data": base64.b64encode(b"\xff").decode()}, 107),
        ({"channel": "a", "data": json.loads("[" * 65 + "]" * 65)}, 107),
        ({"channel": "a", "data": 1, "idempotency_key": "k" * 256}, 107),
        ({"channel": "nowhere:a", "data": 1}, 102),
    ],
)
async def test_publish_that_is_refused(server: LocalServer, request_: dict[str, Any], code: int) -> None:
    assert await code_of(server, "publish", **request_) == code


async def test_error_107_names_the_field(server: LocalServer) -> None:
    with pytest.raises(APIRefused, match="channel is required"):
        await server.api.call("publish", data=1)


async def test_publish_asks_for_no_permission_of_clients(serve: Serve) -> None:
    server = await serve(hub_config(replace(OPEN, allow_publish_for_client=False), {"ns": replace(OPEN)}))
    client = await server.subscribed("a")
    await server.api.publish("a", 1)
    assert await client.data("a", 1) == [1]


@pytest.mark.parametrize("channel", ["ä", "x" * 256, "room:not-a-number"])
async def test_backend_may_use_names_that_clients_may_not(serve: Serve, channel: str) -> None:
    server = await serve(hub_config(OPEN, {"room": replace(OPEN, channel_regex=r"^\d+$")}))
    assert await server.api.publish(channel, 1) == {}
    client = await server.connected("42")
    assert (await client.refusal("subscribe", channel=channel))["code"] == 107
    await server.api.call("subscribe", user="42", channel=channel)
    await client.push("subscribe", channel)
    await server.api.publish(channel, 2)
    assert await client.data(channel, 1) == [2]


async def test_half_of_a_surrogate_pair_is_mended(server: LocalServer) -> None:
    client = await server.subscribed("a")
    assert (await server.api.post("/api/publish", b'{"channel":"a","data":"\\ud83d"}')).json == {"result": {}}
    assert await client.data("a", 1) == ["\ufffd"]


# --- idempotency, versions, skipping ----------------------------------------------------------------------------------


async def test_same_idempotency_key_publishes_once_and_answers_the_same(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    client = await server.subscribed("a")
    first = await server.api.publish("a", "once", idempotency_key="k1")
    again = await server.api.publish("a", "other data", idempotency_key="k1")
    assert again == first
    assert (await server.api.publish("a", "twice", idempotency_key="k2"))["offset"] == 2
    assert await client.data("a", 2) == ["once", "twice"]


async def test_idempotency_key_is_the_channels_own(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    assert (await server.api.publish("a", 1, idempotency_key="k"))["offset"] == 1
    assert (await server.api.publish("b", 1, idempotency_key="k"))["offset"] == 1


async def test_idempotency_key_works_without_history(server: LocalServer) -> None:
    client = await server.subscribed("a")
    for data in ("once", "again"):
        assert await server.api.publish("a", data, idempotency_key="k") == {}
    await server.api.publish("a", "end")
    assert await client.data("a", 2) == ["once", "end"]


async def test_skip_history_is_live_only(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    client = await server.subscribed("a")
    assert await server.api.publish("a", "passing", skip_history=True) == {}
    assert (await server.api.publish("a", "kept"))["offset"] == 1
    assert await client.data("a", 2) == ["passing", "kept"]
    history = await server.api.call("history", channel="a", limit=-1)
    assert [publication["data"] for publication in history["publications"]] == ["kept"]


async def test_version_that_is_not_newer_is_skipped(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    client = await server.subscribed("a")
    for version, offset in ((5, 1), (5, 1), (4, 1), (6, 2)):
        assert (await server.api.publish("a", version, version=version))["offset"] == offset
    assert await client.data("a", 2) == [5, 6]
    await client.settled()
    assert not client.unread("pub")


async def test_version_counts_within_its_epoch(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    offsets = [
        (await server.api.publish("a", 1, version=version, version_epoch=epoch))["offset"]
        for version, epoch in ((5, "x"), (4, "x"), (4, "y"), (3, "y"), (5, "y"))
    ]
    assert offsets == [1, 1, 2, 2, 3]


# --- broadcast --------------------------------------------------------------------------------------------------------


async def test_broadcast_answers_for_each_channel_in_order(serve: Serve) -> None:
    server = await serve(hub_config(QUIET, {"plain": OPEN}))
    clients = {channel: await server.subscribed(channel) for channel in ("a", "plain:b")}
    result = await server.api.call(
        "broadcast", channels=["a", "nowhere:x", "plain:b", ""], data={"n": 1}, tags={"k": "v"}
    )
    first, unknown, plain, empty = result["responses"]
    assert first["result"]["offset"] == 1
    assert unknown == {"error": {"code": 102, "message": "unknown channel"}}
    assert plain == {"result": {}}
    assert empty["error"]["code"] == 107
    for channel, client in clients.items():
        push = await client.push("pub", channel)
        assert (push["data"], push["tags"]) == ({"n": 1}, {"k": "v"})


async def test_broadcast_is_idempotent_per_channel(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    await server.api.call("broadcast", channels=["a"], data=1, idempotency_key="k")
    result = await server.api.call("broadcast", channels=["a", "b"], data=1, idempotency_key="k")
    assert [response["result"]["offset"] for response in result["responses"]] == [1, 1]
    assert (await server.api.call("history", channel="a"))["offset"] == 1


@pytest.mark.parametrize("request_", [{"data": 1}, {"channels": [], "data": 1}, {"channels": ["a"]}])
async def test_broadcast_that_is_refused(server: LocalServer, request_: dict[str, Any]) -> None:
    assert await code_of(server, "broadcast", **request_) == 107


# --- presence, history, channels, info --------------------------------------------------------------------------------


async def test_presence_and_its_stats(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    assert await server.api.call("presence", channel="a") == {"presence": {}}
    assert await server.api.call("presence_stats", channel="a") == {"num_clients": 0, "num_users": 0}
    await server.subscribed("a", user="42")
    await server.subscribed("a", user="42")
    presence = (await server.api.call("presence", channel="a"))["presence"]
    assert [info["user"] for info in presence.values()] == ["42", "42"]
    assert all(info["client"] == client for client, info in presence.items())
    assert await server.api.call("presence_stats", channel="a") == {"num_clients": 2, "num_users": 1}


@pytest.mark.parametrize("method", ["presence", "presence_stats", "history", "history_remove"])
@pytest.mark.parametrize(("channel", "code"), [("a", 108), ("nowhere:a", 102), ("", 107)])
async def test_channel_that_has_no_such_thing(server: LocalServer, method: str, channel: str, code: int) -> None:
    assert await code_of(server, method, channel=channel) == code


async def test_history_remove_keeps_offset_and_epoch(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    position = await server.api.publish("a", 1)
    assert await server.api.call("history_remove", channel="a") == {}
    history = await server.api.call("history", channel="a", limit=-1)
    assert history == {"publications": [], "offset": 1, "epoch": position["epoch"]}


async def test_channels_are_those_with_subscribers(serve: Serve) -> None:
    server = await serve(hub_config(OPEN, {"chat": OPEN}))
    assert await server.api.call("channels") == {"channels": {}}
    await server.subscribed("a", "chat:1")
    leaver = await server.subscribed("a", "chat:2")
    channels = (await server.api.call("channels"))["channels"]
    assert channels == {"a": {"num_clients": 2}, "chat:1": {"num_clients": 1}, "chat:2": {"num_clients": 1}}
    assert (await server.api.call("channels", pattern="chat:*"))["channels"].keys() == {"chat:1", "chat:2"}
    await leaver.call("unsubscribe", channel="chat:2")
    assert (await server.api.call("channels", pattern="chat:?"))["channels"].keys() == {"chat:1"}


async def test_info_counts_what_this_node_holds(server: LocalServer) -> None:
    await server.subscribed("a", "b", user="42")
    await server.subscribed("a", user="42")
    (node,) = (await server.api.call("info"))["nodes"]
    counted = {name: node[name] for name in ("num_clients", "num_users", "num_subs", "num_channels")}
    assert counted == {"num_clients": 2, "num_users": 1, "num_subs": 3, "num_channels": 2}
    assert node["uid"] == server.hub.uid
    assert node["name"]
    assert node["version"]
    assert node["uptime"] >= 0
    assert node["process"]["rss"] > 1_000_000
    assert node["metrics"]["items"]
    assert all(isinstance(value, int | float) for value in node["metrics"]["items"].values())


# --- users ------------------------------------------------------------------------------------------------------------

OF_USERS = {
    "subscribe": {"channel": "a"},
    "unsubscribe": {"channel": "a"},
    "disconnect": {},
    "refresh": {},
}


@pytest.mark.parametrize("method", OF_USERS)
async def test_user_without_connections_is_no_failure(server: LocalServer, method: str) -> None:
    assert await server.api.call(method, user="nobody", **OF_USERS[method]) == {}


@pytest.mark.parametrize("method", OF_USERS)
async def test_user_is_required_even_if_empty(server: LocalServer, method: str) -> None:
    assert await code_of(server, method, **OF_USERS[method]) == 107
    assert await server.api.call(method, user="", **OF_USERS[method]) == {}


@pytest.mark.parametrize("method", OF_USERS)
async def test_session_names_nobody_where_no_emulation_is_served(server: LocalServer, method: str) -> None:
    assert await code_of(server, method, user="42", session="x", **OF_USERS[method]) == 107


@pytest.mark.parametrize("method", ["subscribe", "unsubscribe"])
async def test_unknown_channel_of_a_user_is_error_102(server: LocalServer, method: str) -> None:
    assert await code_of(server, method, user="42", channel="nowhere:a") == 102


async def test_subscribe_without_channel_is_error_107(server: LocalServer) -> None:
    assert await code_of(server, "subscribe", user="42") == 107


@pytest.mark.parametrize(
    "disconnect",
    [
        {"code": 1000, "reason": "x"},
        {"code": 2999, "reason": "x"},
        {"code": 5000, "reason": "x"},
        {"code": 4501, "reason": "42"},
        {"code": 4501, "reason": '{"reconnect":true}'},
        {"code": 4501, "reason": "true"},
        {"code": 4501, "reason": "x" * 124},
        {"code": 4501, "reason": "ü" * 62},
    ],
)
async def test_disconnect_that_sdks_would_misread_is_error_107(server: LocalServer, disconnect: dict[str, Any]) -> None:
    client = await server.connected("42")
    assert await code_of(server, "disconnect", user="42", disconnect=disconnect) == 107
    await client.settled()
