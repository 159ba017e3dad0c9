"""subscribe and unsubscribe: who may enter which channel, and what the answer says."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hub.config import ChannelOptions, TokenConfig
from tests.support.local_server import FULL, OPEN, hub_config
from tests.support.raw_client import Close
from tests.support.tokens import OTHER_SECRET, connection_token, subscription_token

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

CLOSED = ChannelOptions()
FOR_USERS = ChannelOptions(allow_subscribe_for_client=True)
HISTORY = replace(OPEN, history_size=10, history_ttl_s=60)


async def test_plain_channel_answers_with_an_empty_result(server: LocalServer) -> None:
    client = await server.connected()
    assert await client.call("subscribe", channel="news") == {}


async def test_channel_with_history_but_without_positioning_answers_with_an_empty_result(serve: Serve) -> None:
    server = await serve(hub_config(HISTORY))
    client = await server.connected()
    assert await client.call("subscribe", channel="news") == {}


@pytest.mark.parametrize(
    ("options", "wish", "flags"),
    [
        (replace(HISTORY, force_recovery=True), {}, {"recoverable", "positioned"}),
        (replace(HISTORY, force_positioning=True), {}, {"positioned"}),
        (replace(HISTORY, allow_recovery=True), {}, set()),
        (replace(HISTORY, allow_recovery=True), {"recoverable": True}, {"recoverable", "positioned"}),
        (replace(HISTORY, allow_positioning=True), {"positioned": True}, {"positioned"}),
        (replace(HISTORY, allow_positioning=True), {"recoverable": True}, set()),
        (HISTORY, {"recoverable": True, "positioned": True}, set()),
        (
            replace(HISTORY, allow_history_for_client=True, allow_history_for_anonymous=True),
            {"recoverable": True},
            {"recoverable", "positioned"},
        ),
        (replace(OPEN, force_positioning=True), {"recoverable": True, "positioned": True}, set()),
    ],
    ids=[
        "recovery forced",
        "positioning forced",
        "recovery allowed, not asked for",
        "recovery allowed and asked for",
        "positioning allowed and asked for",
        "recovery asked for, only positioning allowed",
        "both asked for, neither allowed",
        "recovery asked for by one who may read history",
        "no history at all",
    ],
)
async def test_flags_of_a_subscription(
    serve: Serve, options: ChannelOptions, wish: dict[str, Any], flags: set[str]
) -> None:
    server = await serve(hub_config(options))
    client = await server.connected()
    result = await client.call("subscribe", channel="news", **wish)
    assert {flag for flag in ("recoverable", "positioned") if result.get(flag)} == flags
    assert ("epoch" in result) is bool(flags)
    assert "offset" not in result, "an offset of 0 is left out"


async def test_position_is_the_streams_top(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    epoch = await server.streamed("news", 3)
    result = await (await server.connected()).call("subscribe", channel="news")
    assert (result["offset"], result["epoch"]) == (3, epoch)
    assert not {"publications", "recovered", "was_recovering"} & result.keys()


async def test_second_subscribe_is_error_105(server: LocalServer) -> None:
    client = await server.subscribed("news")
    error = await client.refusal("subscribe", channel="news")
    assert (error["code"], error["message"]) == (105, "already subscribed")


async def test_unsubscribe_succeeds_without_subscription(server: LocalServer) -> None:
    client = await server.connected()
    assert await client.call("unsubscribe", channel="news") == {}
    assert await client.call("unsubscribe", channel="nowhere:news") == {}


async def test_after_unsubscribe_nothing_comes_and_subscribing_again_works(server: LocalServer) -> None:
    client = await server.subscribed("news")
    await client.call("unsubscribe", channel="news")
    await server.api.publish("news", "unheard")
    await client.call("subscribe", channel="news")
    await server.api.publish("news", "heard")
    assert await client.data("news", 1) == ["heard"]


async def test_fields_this_server_has_no_use_for_are_ignored(server: LocalServer) -> None:
    client = await server.connected()
    assert await client.call("subscribe", channel="news", flag=1, data={"a": 1}, limit=3, cursor="c", asc=True) == {}


async def test_delta_is_not_negotiated_where_it_is_not_allowed(server: LocalServer) -> None:
    client = await server.connected()
    assert await client.call("subscribe", channel="news", delta="fossil") == {}


async def test_unknown_delta_type_is_closed_with_3501(server: LocalServer) -> None:
    client = await server.connected()
    await client.cast("subscribe", channel="news", delta="vcdiff")
    assert await client.closing() == Close(3501, "bad request")


@pytest.mark.parametrize(
    ("field", "code"), [({"type": 1}, 103), ({"tf": {"key": "a", "cmp": "eq", "val": "b"}}, 107)], ids=["map", "filter"]
)
async def test_kinds_of_subscription_no_namespace_here_allows(
    server: LocalServer, field: dict[str, Any], code: int
) -> None:
    client = await server.connected()
    assert (await client.refusal("subscribe", channel="news", **field))["code"] == code


# --- names ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("channel", "code"),
    [
        pytest.param("nowhere:news", 102, id="unknown namespace"),
        pytest.param("ä", 107, id="not ASCII"),
        pytest.param("x" * 256, 107, id="256 bytes"),
    ],
)
async def test_channel_name_that_is_refused(server: LocalServer, channel: str, code: int) -> None:
    client = await server.connected()
    assert (await client.refusal("subscribe", channel=channel))["code"] == code


@pytest.mark.parametrize("channel", ["x" * 255, "ns:a:b:c", ":no-namespace", "a b!~", "*&/"])
async def test_channel_name_that_is_fine(serve: Serve, channel: str) -> None:
    server = await serve(hub_config(OPEN, {"ns": OPEN}))
    client = await server.subscribed(channel)
    await server.api.publish(channel, 1)
    assert await client.data(channel, 1) == [1]


async def test_regex_of_a_namespace_decides_on_the_rest_of_the_name(serve: Serve) -> None:
    server = await serve(hub_config(OPEN, {"room": replace(OPEN, channel_regex=r"^\d+$")}))
    client = await server.connected()
    await client.call("subscribe", channel="room:42")
    assert (await client.refusal("subscribe", channel="room:x"))["code"] == 107


@pytest.mark.parametrize(
    "method", ["subscribe", "unsubscribe", "publish", "presence", "presence_stats", "history", "sub_refresh"]
)
async def test_empty_channel_is_closed_with_3501(server: LocalServer, method: str) -> None:
    client = await server.connected()
    await client.cast(method, channel="", data=1, token="x")
    assert await client.closing() == Close(3501, "bad request")


# --- permissions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "user", "may"),
    [
        (CLOSED, "42", False),
        (FOR_USERS, "42", True),
        (FOR_USERS, "", False),
        (replace(FOR_USERS, allow_subscribe_for_anonymous=True), "", True),
        (ChannelOptions(allow_subscribe_for_anonymous=True), "", False),
    ],
    ids=["closed", "user", "anonymous", "anonymous allowed", "only the anonymous option"],
)
async def test_who_may_subscribe_without_a_token(serve: Serve, options: ChannelOptions, user: str, may: bool) -> None:
    server = await serve(hub_config(options))
    reply = await (await server.connected(user)).ask("subscribe", channel="news")
    assert ("subscribe" in reply) is may
    assert may or reply["error"] == {"code": 103, "message": "permission denied"}


async def test_insecure_opens_every_channel(serve: Serve) -> None:
    server = await serve(hub_config(CLOSED, insecure=True))
    client = await server.subscribed("news", "dialog#1,2")
    await client.call("publish", channel="news", data=1)
    assert (await client.refusal("subscribe", channel="$private"))["code"] == 103


@pytest.mark.parametrize(
    ("channel", "user", "may"),
    [
        ("dialog#42,43", "42", True),
        ("dialog#42,43", "43", True),
        ("dialog#42,43", "4", False),
        ("dialog#42,43", "", False),
        ("a#42#7", "42", False),
        ("#42", "42", True),
        ("#", "", False),
    ],
)
async def test_user_limited_channel_admits_whom_it_lists(serve: Serve, channel: str, user: str, may: bool) -> None:
    server = await serve(hub_config(replace(OPEN, allow_user_limited_channels=True)))
    reply = await (await server.connected(user)).ask("subscribe", channel=channel)
    assert ("subscribe" in reply) is may, reply
    assert may or reply["error"]["code"] == 103


async def test_user_limited_channel_needs_its_option(server: LocalServer) -> None:
    client = await server.connected("42")
    assert (await client.refusal("subscribe", channel="dialog#42"))["code"] == 103


async def test_private_channel_needs_a_token_whatever_its_namespace_allows(server: LocalServer) -> None:
    client = await server.connected("42")
    assert (await client.refusal("subscribe", channel="$secret"))["code"] == 103
    assert await client.call("subscribe", channel="$secret", token=subscription_token("42", "$secret", None)) == {}


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_token_alone_opens_a_closed_channel(serve: Serve) -> None:
    server = await serve(hub_config(CLOSED))
    client = await server.connected("42")
    token = subscription_token("42", "news", ttl_s=100, data={"welcome": True})
    result = await client.call("subscribe", channel="news", token=token)
    assert result["data"] == {"welcome": True}
    assert result["expires"] is True
    assert 95 <= result["ttl"] <= 100


async def test_token_of_an_anonymous_user(serve: Serve) -> None:
    server = await serve(hub_config(CLOSED))
    client = await server.connected()
    assert await client.call("subscribe", channel="news", token=subscription_token("", "news", None)) == {}


async def test_info_of_the_token_is_the_channels_info(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.client()
    me = (await client.call("connect", token=connection_token("42", info={"n": 1})))["client"]
    await client.call("subscribe", channel="news", token=subscription_token("42", "news", info={"role": "host"}))
    expected = {"user": "42", "client": me, "conn_info": {"n": 1}, "chan_info": {"role": "host"}}
    assert (await client.push("join"))["info"] == expected
    await client.call("publish", channel="news", data=1)
    assert (await client.push("pub"))["info"] == expected
    assert (await client.call("presence", channel="news"))["presence"] == {me: expected}


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param(subscription_token("42", "news", ttl_s=-1), 109, id="expired"),
        pytest.param(subscription_token("42", "news", secret=OTHER_SECRET), 103, id="wrong signature"),
        pytest.param("garbage", 103, id="not a token"),
        pytest.param(connection_token("42"), 103, id="connection token"),
        pytest.param(subscription_token("42", "news", expire_at=1), 110, id="expire_at has passed"),
    ],
)
async def test_token_that_is_answered_with_an_error(server: LocalServer, token: str, code: int) -> None:
    """Also in a channel that would be open without one: a token, once given, decides alone."""
    client = await server.connected("42")
    assert (await client.refusal("subscribe", channel="news", token=token))["code"] == code
    assert await client.call("subscribe", channel="news") == {}, "nothing of the failed attempt is left"


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(subscription_token("42", "sport"), id="another channel"),
        pytest.param(subscription_token("43", "news"), id="another user"),
        pytest.param(subscription_token("42", "news", client="somebody-else"), id="another client"),
    ],
)
async def test_somebody_elses_token_is_closed_with_3500(server: LocalServer, token: str) -> None:
    client = await server.connected("42")
    await client.cast("subscribe", channel="news", token=token)
    assert await client.closing() == Close(3500, "invalid token")


async def test_subscription_tokens_may_have_keys_of_their_own(serve: Serve) -> None:
    server = await serve(hub_config(CLOSED, subscription_token=TokenConfig(hmac_secrets=((OTHER_SECRET, 0),))))
    client = await server.connected("42")
    ours, theirs = subscription_token("42", "a"), subscription_token("42", "a", secret=OTHER_SECRET)
    assert (await client.refusal("subscribe", channel="a", token=ours))["code"] == 103
    await client.call("subscribe", channel="a", token=theirs)


async def test_override_of_a_token_sets_options_of_this_subscription(serve: Serve) -> None:
    server = await serve(hub_config(replace(HISTORY, presence=True, allow_presence_for_client=True)))
    override = {
        "presence": {"value": False},
        "join_leave": {"value": True},
        "force_push_join_leave": {"value": True},
        "force_recovery": {"value": True},
    }
    client = await server.connected("42")
    result = await client.call("subscribe", channel="a", token=subscription_token("42", "a", override=override))
    assert result["recoverable"]
    assert (await client.push("join", "a"))["info"]["user"] == "42"
    assert (await client.call("presence", channel="a"))["presence"] == {}
