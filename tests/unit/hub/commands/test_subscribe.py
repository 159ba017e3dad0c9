from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hub.config import ChannelOptions
from hub.protocol import codes
from hub.protocol.codes import ErrorCode
from tests.unit.hub.client import Client, Message, connect, subscribe
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import pass_time

HISTORY: dict[str, Any] = {"history_size": 3, "history_ttl_s": 60}
STREAM = replace(OPEN, **HISTORY, force_recovery=True)
CACHE = replace(STREAM, force_recovery_mode="cache")
CLOSED = ChannelOptions()
USERS_ONLY = ChannelOptions(allow_subscribe_for_client=True, allow_user_limited_channels=True)

NAMESPACES = {
    "stream": STREAM,
    "cache": CACHE,
    "auto": replace(CACHE, auto_cache_recover=True),
    "closed": CLOSED,
    "users": USERS_ONLY,
    "asked": replace(OPEN, **HISTORY, allow_recovery=True, allow_positioning=True),
    "readable": replace(OPEN, **HISTORY, allow_history_for_subscriber=True, allow_history_for_anonymous=True),
    "silent": replace(OPEN, **HISTORY),
    "positioned": replace(OPEN, **HISTORY, force_positioning=True),
}


def node_with(**client: Any) -> Node:
    return Node(hub_config(OPEN, NAMESPACES, **client))


async def publish(node: Node, channel: str, count: int = 1) -> None:
    for number in range(count):
        await node.hub.publish(channel, b"%d" % (number + 1))


async def result_of(client: Client, channel: str, **request: object) -> Message:
    reply = await client.call("subscribe", channel=channel, **request)
    assert "subscribe" in reply, reply
    result: Message = reply["subscribe"]
    return result


async def code_of(client: Client, channel: str, **request: object) -> int:
    reply = await client.call("subscribe", channel=channel, **request)
    code: int = reply["error"]["code"]
    return code


# --- may it? --------------------------------------------------------------------------------------------------------

ALLOWED = [
    ("news", "", True),
    ("closed:1", "42", False),
    ("users:1", "", False),
    ("users:1", "42", True),
    ("users:dialog#42,43", "42", True),
    ("users:dialog#42,43", "43", True),
    ("users:dialog#42,43", "44", False),
    ("users:dialog#42,43", "", False),
    ("users:dialog#", "", False),
    ("news#42", "42", False),
    ("$news", "42", False),
    ("$users:1", "42", False),
]


@pytest.mark.parametrize(("channel", "user", "is_allowed"), ALLOWED)
async def test_who_may_subscribe_without_a_token(channel: str, user: str, is_allowed: bool) -> None:
    client = await node_with().connected(user)
    reply = await client.call("subscribe", channel=channel)
    assert reply == ({"subscribe": {}} if is_allowed else {"error": {"code": 103, "message": "permission denied"}})


@pytest.mark.parametrize("channel", ["closed:1", "users:dialog#42,43"])
async def test_insecure_allows_everything_but_private_channels(channel: str) -> None:
    client = await node_with(insecure=True).connected()
    assert await result_of(client, channel) == {}
    assert await code_of(client, f"${channel}") == 103


@pytest.mark.parametrize("channel", ["closed:1", "$closed:1", "users:dialog#43"])
async def test_a_token_decides_alone(channel: str) -> None:
    node = node_with()
    client = await node.connected("42")
    token = node.subscription_token("42", channel, ttl_s=60, info={"role": 1}, data={"topic": 2})
    assert await result_of(client, channel, token=token) == {"expires": True, "ttl": 60, "data": {"topic": 2}}
    info = client.connection.subscriptions[channel].client_info()
    assert bytes(info.chan_info or b"") == b'{"role":1}'


TOKEN_ERRORS: list[tuple[str, dict[str, Any], ErrorCode]] = [
    ("expired", {"ttl_s": -1}, codes.TOKEN_EXPIRED),
    ("lifetime over", {"expire_at": 1_600_000_000}, codes.EXPIRED),
]


@pytest.mark.parametrize(("claims", "error"), [row[1:] for row in TOKEN_ERRORS], ids=[row[0] for row in TOKEN_ERRORS])
async def test_trap_11_subscription_tokens_that_are_answered_with_an_error(
    claims: dict[str, Any], error: ErrorCode
) -> None:
    node = node_with()
    client = await node.connected("42")
    assert await code_of(client, "news", token=node.subscription_token("42", "news", **claims)) == error.code
    assert client.connection.subscriptions == {}


async def test_trap_11_an_invalid_subscription_token_is_103() -> None:
    client = await node_with().connected("42")
    assert await code_of(client, "news", token="nonsense") == 103


@pytest.mark.parametrize(
    ("user", "channel", "claims"), [("43", "news", {}), ("42", "chat", {}), ("42", "news", {"client": "somebody"})]
)
async def test_trap_11_a_token_of_another_user_channel_or_client_is_3500(
    user: str, channel: str, claims: dict[str, Any]
) -> None:
    node = node_with()
    client = await node.connected("42")
    await client.send(subscribe("news", token=node.subscription_token(user, channel, **claims)))
    assert client.goodbye == codes.INVALID_TOKEN


async def test_a_token_for_this_very_client_is_good() -> None:
    node = node_with()
    client = await node.connected("42")
    token = node.subscription_token("42", "closed:1", client=client.connection.client_id)
    assert (await result_of(client, "closed:1", token=token))["expires"]


async def test_insecure_ignores_the_expiry_of_a_token() -> None:
    node = node_with(insecure=True)
    client = await node.connected("42")
    assert await result_of(client, "news", token=node.subscription_token("42", "news", ttl_s=-1)) == {}


REFUSED: list[tuple[dict[str, Any], int]] = [
    ({"channel": "nowhere:1"}, 102),
    ({"channel": "é"}, 107),
    ({"channel": "x" * 256}, 107),
    ({"channel": "news", "tf": {"key": "a", "cmp": "ex"}}, 107),
    ({"channel": "news", "type": 1}, 103),
]


@pytest.mark.parametrize(("request_", "code"), REFUSED)
async def test_requests_that_cannot_be_granted(request_: dict[str, Any], code: int) -> None:
    client = await node_with().connected()
    assert (await client.call("subscribe", **request_))["error"]["code"] == code


@pytest.mark.parametrize("request_", [{"channel": ""}, {}, {"channel": "news", "delta": "xdelta"}])
async def test_requests_that_break_the_protocol(request_: dict[str, Any]) -> None:
    client = await node_with().connected()
    await client.send({"id": 2, "subscribe": request_})
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT


async def test_fossil_delta_is_understood_and_not_granted() -> None:
    assert "delta" not in await result_of(await node_with().connected(), "stream:1", delta="fossil")


async def test_trap_09_a_second_subscribe_is_105_whoever_made_the_first() -> None:
    node = node_with()
    client = await node.connected("42", token=node.token("42", channels=["chat"]))
    await result_of(client, "news")
    assert [await code_of(client, channel) for channel in ("news", "chat")] == [105, 105]


async def test_channels_of_a_client_are_limited() -> None:
    node = node_with(channel_limit=2)
    client = await node.subscribed("a", "b")
    assert await code_of(client, "c") == 106
    await client.call("unsubscribe", channel="a")
    assert await result_of(client, "c") == {}


async def test_a_limit_of_none_is_no_limit() -> None:
    node = node_with(channel_limit=0)
    client = await node.subscribed(*(f"news{number}" for number in range(200)))
    assert len(client.connection.subscriptions) == 200


# --- what it is granted ---------------------------------------------------------------------------------------------

GRANTS: list[tuple[str, dict[str, bool], set[str]]] = [
    ("news", {}, set()),
    ("news", {"positioned": True, "recoverable": True}, set()),
    ("silent:1", {"positioned": True, "recoverable": True}, set()),
    ("asked:1", {}, set()),
    ("asked:1", {"positioned": True}, {"positioned", "epoch"}),
    ("asked:1", {"recoverable": True}, {"recoverable", "positioned", "epoch"}),
    ("readable:1", {"recoverable": True}, {"recoverable", "positioned", "epoch"}),
    ("positioned:1", {}, {"positioned", "epoch"}),
    ("stream:1", {}, {"recoverable", "positioned", "epoch"}),
    ("cache:1", {}, {"recoverable", "positioned", "epoch"}),
]


@pytest.mark.parametrize(("channel", "wish", "granted"), GRANTS)
async def test_what_a_subscription_is_granted(channel: str, wish: dict[str, bool], granted: set[str]) -> None:
    assert set(await result_of(await node_with().connected(), channel, **wish)) == granted


async def test_the_result_tells_the_position() -> None:
    node = node_with()
    await publish(node, "stream:1", 2)
    result = await result_of(await node.connected(), "stream:1")
    assert (result["offset"], len(result["epoch"])) == (2, 8)
    assert {"recovered", "publications", "was_recovering"}.isdisjoint(result)


# --- recovery -------------------------------------------------------------------------------------------------------


class Stream:
    """A channel with some publications, of which the last three are kept."""

    def __init__(self, node: Node, epoch: str) -> None:
        self.node = node
        self.epoch = epoch

    @classmethod
    async def of(cls, channel: str, count: int, **client: Any) -> Stream:
        node = node_with(**client)
        await publish(node, channel, count)
        result = await result_of(await node.connected(), channel)
        return cls(node, result["epoch"])

    async def recover(self, channel: str, offset: int, epoch: str | None = None, **request: object) -> Message:
        client = await self.node.connected()
        position = {"offset": offset, "epoch": self.epoch if epoch is None else epoch}
        return await client.call("subscribe", channel=channel, recover=True, **position, **request)


@pytest.mark.parametrize(("offset", "recovered"), [(5, []), (4, [5]), (3, [4, 5]), (2, [3, 4, 5])])
async def test_trap_05_a_recovered_reply_has_the_offset_that_was_asked_from(offset: int, recovered: list[int]) -> None:
    stream = await Stream.of("stream:1", 5)
    result = (await stream.recover("stream:1", offset))["subscribe"]
    assert result["recovered"]
    assert result["was_recovering"]
    assert result["offset"] == offset
    assert [publication["offset"] for publication in result.get("publications", [])] == recovered
    assert result.get("publications") != []


@pytest.mark.parametrize(("offset", "epoch"), [(1, None), (0, None), (6, None), (4, "elsewhere"), (0, "_")])
async def test_trap_05_an_unrecovered_reply_has_the_top_and_no_publications(offset: int, epoch: str | None) -> None:
    stream = await Stream.of("stream:1", 5)
    result = (await stream.recover("stream:1", offset, epoch))["subscribe"]
    assert (result["offset"], result["was_recovering"], result["epoch"]) == (5, True, stream.epoch)
    assert {"recovered", "publications"}.isdisjoint(result)
    assert stream.node.hub.counters.unrecovered == 1


async def test_trap_06_flag_2_turns_an_unrecovered_subscription_into_error_112() -> None:
    stream = await Stream.of("stream:1", 5)
    refused = await stream.recover("stream:1", 0, flag=2)
    assert refused == {"error": {"code": 112, "message": "unrecoverable position"}}
    assert (await stream.recover("stream:1", 3, flag=2))["subscribe"]["recovered"]
    unflagged = await stream.recover("stream:1", 0, flag=1)
    assert unflagged["subscribe"]["offset"] == 5
    assert (await stream.recover("stream:1", 0, flag=3))["error"]["code"] == 112


async def test_flag_2_without_recovery_means_nothing() -> None:
    assert "epoch" in await result_of(await node_with().connected(), "stream:1", flag=2)


async def test_a_refused_recovery_leaves_no_subscription() -> None:
    node = node_with()
    async with node.running():
        await publish(node, "stream:1")
        client = await node.connected()
        await client.call("subscribe", channel="stream:1", recover=True, offset=9, epoch="x", flag=2)
        assert client.connection.subscriptions == {}
        assert node.hub.index.channels == {}
        assert "subscribe" in await client.call("subscribe", channel="stream:1")


async def test_more_than_the_limit_is_not_recovered() -> None:
    stream = await Stream.of("stream:1", 5, recovery_max_publication_limit=2)
    assert "recovered" in (await stream.recover("stream:1", 3))["subscribe"]
    assert "recovered" not in (await stream.recover("stream:1", 2))["subscribe"]


async def test_without_a_limit_the_whole_history_is_recovered() -> None:
    stream = await Stream.of("stream:1", 5, recovery_max_publication_limit=0)
    assert len((await stream.recover("stream:1", 2))["subscribe"]["publications"]) == 3


async def test_an_unrecoverable_channel_does_not_recover() -> None:
    stream = await Stream.of("positioned:1", 2)
    result = (await stream.recover("positioned:1", 0, epoch=""))["subscribe"]
    assert set(result) == {"positioned", "epoch", "offset"}


async def test_a_cache_gives_the_newest_only() -> None:
    stream = await Stream.of("cache:1", 5)
    result = (await stream.recover("cache:1", 1))["subscribe"]
    assert (result["recovered"], result["offset"]) == (True, 1)
    assert [publication["offset"] for publication in result["publications"]] == [5]
    assert "publications" not in (await stream.recover("cache:1", 5))["subscribe"]


async def test_a_cache_that_is_asked_for_nothing_gives_nothing_unless_it_is_told_to() -> None:
    node = node_with()
    for channel in ("cache:1", "auto:1"):
        await publish(node, channel, 2)
    client = await node.connected()
    assert {"recovered", "publications"}.isdisjoint(await result_of(client, "cache:1"))
    result = await result_of(client, "auto:1")
    assert [publication["offset"] for publication in result["publications"]] == [2]
    assert "was_recovering" not in result


async def test_recoveries_are_counted() -> None:
    stream = await Stream.of("stream:1", 5)
    await stream.recover("stream:1", 3)
    await stream.recover("stream:1", 0)
    counters = stream.node.hub.counters
    assert (counters.recovered, counters.recovered_publications, counters.unrecovered) == (1, 2, 1)


# --- after it -------------------------------------------------------------------------------------------------------


async def test_trap_09_publications_come_after_the_subscribe_reply() -> None:
    node = node_with()
    client = node.client()
    await client.send(connect(), subscribe("stream:1"), {"id": 3, "publish": {"channel": "stream:1", "data": 1}})
    kinds = [next(iter(set(reply) - {"id"})) for reply in client.transport.replies]
    assert kinds.index("subscribe") < kinds.index("push")


async def test_unsubscribing_ends_it_and_does_not_need_one() -> None:
    node = node_with()
    client = await node.subscribed("news")
    assert await client.call("unsubscribe", channel="news") == {"unsubscribe": {}}
    assert await client.call("unsubscribe", channel="news") == {"unsubscribe": {}}
    await client.read()
    await publish(node, "news")
    assert await client.read() == []


async def test_unsubscribing_from_nothing_breaks_the_protocol() -> None:
    client = await node_with().connected()
    await client.send({"id": 2, "unsubscribe": {}})
    assert client.goodbye == codes.BAD_REQUEST_DISCONNECT


async def test_a_subscription_that_is_not_refreshed_ends_with_2501() -> None:
    node = node_with(ping_interval_s=0)
    async with node.running():
        client = await node.connected("42", token=node.token("42", ttl_s=0))
        token = node.subscription_token("42", "closed:1", ttl_s=10)
        await client.call("subscribe", channel="closed:1", token=token)
        await pass_time(10 + 25 - 1)
        assert "closed:1" in client.connection.subscriptions
        await pass_time(2 + 27)
        assert await client.pushes("unsubscribe") == [{"code": 2501, "reason": "subscription expired"}]
        assert client.connection.subscriptions == {}
        assert node.hub.index.channels == {}
