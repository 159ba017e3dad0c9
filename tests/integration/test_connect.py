"""connect: every outcome of docs/protocol.md table 6.1, and what a client is told when it is in."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from tests.support.local_server import OPEN, edge_config, hub_config
from tests.support.raw_client import Close
from tests.support.tokens import OTHER_SECRET, SECRET, connection_token, subscription_token

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

BAD_REQUEST = Close(3501, "bad request")
INVALID_TOKEN = Close(3500, "invalid token")

NOBODY_WITHOUT_TOKEN = hub_config(allow_anonymous_connect_without_token=False)


async def test_result_tells_client_version_and_pings(server: LocalServer) -> None:
    client = await server.client()
    result = await client.call("connect")
    assert len(result["client"]) == 36
    assert result["version"]
    assert (result["ping"], result["pong"]) == (25, True)
    assert result.keys() == {"client", "version", "ping", "pong"}, "zero values are left out"


async def test_every_connection_is_another_client(server: LocalServer) -> None:
    ids = {(await (await server.client()).call("connect"))["client"] for _ in range(5)}
    assert len(ids) == 5


async def test_without_pings_the_result_promises_none(serve: Serve) -> None:
    server = await serve(hub_config(ping_interval_s=0))
    result = await (await server.client()).call("connect")
    assert not {"ping", "pong"} & result.keys()


async def test_server_time_is_told_where_configured(serve: Serve) -> None:
    server = await serve(hub_config(connect_include_server_time=True))
    before_ms = int(time.time() * 1000)
    result = await (await server.client()).call("connect")
    assert before_ms <= result["time"] <= time.time() * 1000


async def test_name_version_data_and_professional_fields_are_accepted(server: LocalServer) -> None:
    client = await server.client()
    await client.call(
        "connect", name="js", version="5.8.0", data={"any": [None]}, headers={"x": "y"}, flag=1, dict="d", profile="p"
    )


# --- tokens -----------------------------------------------------------------------------------------------------------


async def test_token_names_the_user_and_its_info(serve: Serve) -> None:
    server = await serve(hub_config(replace(OPEN, presence=True, allow_presence_for_client=True)))
    client = await server.client()
    me = (await client.call("connect", token=connection_token("42", info={"name": "Al"})))["client"]
    await client.call("subscribe", channel="news")
    presence = (await client.call("presence", channel="news"))["presence"]
    assert presence == {me: {"user": "42", "client": me, "conn_info": {"name": "Al"}}}


async def test_token_with_exp_tells_the_ttl(server: LocalServer) -> None:
    result = await (await server.client()).call("connect", token=connection_token("42", ttl_s=100))
    assert result["expires"] is True
    assert 95 <= result["ttl"] <= 100


async def test_token_without_exp_never_expires(server: LocalServer) -> None:
    result = await (await server.client()).call("connect", token=connection_token("42", ttl_s=None))
    assert not {"expires", "ttl"} & result.keys()


async def test_ttl_is_capped_at_a_year_for_the_timers_of_javascript(server: LocalServer) -> None:
    result = await (await server.client()).call("connect", token=connection_token("42", ttl_s=10 * 365 * 86_400))
    assert result["ttl"] == 365 * 86_400


@pytest.mark.parametrize(("is_for_ever", "expires"), [(True, False), (False, True)])
async def test_expire_at_overrides_exp_as_the_connections_lifetime(
    server: LocalServer, is_for_ever: bool, expires: bool
) -> None:
    expire_at = 0 if is_for_ever else int(time.time()) + 500
    token = connection_token("42", ttl_s=100, expire_at=expire_at)
    result = await (await server.client()).call("connect", token=token)
    assert result.get("expires", False) is expires
    assert result.get("ttl", 500) > 400


@pytest.mark.parametrize(
    ("token", "code"),
    [
        pytest.param(connection_token("42", ttl_s=-1), 109, id="expired"),
        pytest.param(connection_token("42", nbf=time.time() + 86_400), 109, id="from the future"),
        pytest.param(connection_token("42", expire_at=1), 110, id="expire_at has passed"),
        pytest.param(connection_token("42", channels=["nowhere:x"]), 102, id="channel in an unknown namespace"),
    ],
)
async def test_token_that_is_answered_with_an_error(server: LocalServer, token: str, code: int) -> None:
    client = await server.client()
    error = await client.refusal("connect", token=token)
    assert error["code"] == code
    assert "temporary" not in error


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(connection_token("42", secret=OTHER_SECRET), id="wrong signature"),
        pytest.param("garbage", id="not a token"),
        pytest.param("..", id="three empty parts"),
        pytest.param(connection_token("42")[:-1], id="cut"),
        pytest.param(jwt.encode({"sub": "42"}, "", algorithm="none"), id="alg none"),
        pytest.param(subscription_token("42", "news"), id="subscription token"),
        pytest.param(jwt.encode({"sub": 42}, SECRET), id="sub is a number"),
        pytest.param(jwt.encode({"sub": "42", "channels": "news"}, SECRET), id="channels is a string"),
    ],
)
async def test_invalid_token_is_closed_with_3500(server: LocalServer, token: str) -> None:
    client = await server.client()
    await client.cast("connect", token=token)
    assert await client.closing() == INVALID_TOKEN


async def test_no_credentials_at_all_is_closed_with_3501(serve: Serve) -> None:
    server = await serve(NOBODY_WITHOUT_TOKEN)
    client = await server.client()
    await client.cast("connect")
    assert await client.closing() == BAD_REQUEST


@pytest.mark.parametrize("claims", [{"sub": ""}, {}], ids=["empty sub", "no sub"])
async def test_anonymous_token_is_a_token(serve: Serve, claims: dict[str, Any]) -> None:
    server = await serve(NOBODY_WITHOUT_TOKEN)
    await (await server.client()).call("connect", token=jwt.encode(claims, SECRET))


async def test_anonymous_token_is_closed_with_3507_where_disallowed(serve: Serve) -> None:
    server = await serve(hub_config(disallow_anonymous_connection_tokens=True))
    client = await server.client()
    await client.cast("connect", token=connection_token(""))
    assert await client.closing() == Close(3507, "permission denied")


async def test_insecure_asks_for_no_token_and_ignores_expiry(serve: Serve) -> None:
    server = await serve(hub_config(insecure=True, allow_anonymous_connect_without_token=False))
    await (await server.client()).call("connect")
    result = await (await server.client()).call("connect", token=connection_token("42", ttl_s=-100))
    assert "expires" not in result


async def test_insecure_still_checks_the_signature_of_a_token(serve: Serve) -> None:
    server = await serve(hub_config(insecure=True))
    client = await server.client()
    await client.cast("connect", token=connection_token("42", secret=OTHER_SECRET))
    assert await client.closing() == INVALID_TOKEN


async def test_user_of_a_trusted_proxys_header_needs_no_token(serve: Serve) -> None:
    server = await serve(NOBODY_WITHOUT_TOKEN, edge_config(user_id_http_header="X-User-Id"))
    known = await server.client(additional_headers={"X-User-Id": "42"})
    await known.call("connect")
    assert [c.user for c in server.hub.registry.of_user("42")] == ["42"]
    for headers in ({}, {"X-User-Id": ""}):
        unknown = await server.client(additional_headers=headers)
        await unknown.cast("connect")
        assert await unknown.closing() == BAD_REQUEST


async def test_header_is_nobodys_user_where_it_is_not_configured(serve: Serve) -> None:
    server = await serve(NOBODY_WITHOUT_TOKEN)
    client = await server.client(additional_headers={"X-User-Id": "42"})
    await client.cast("connect")
    assert await client.closing() == BAD_REQUEST


# --- order ------------------------------------------------------------------------------------------------------------


async def test_second_connect_is_closed_with_3501(server: LocalServer) -> None:
    client = await server.connected()
    await client.cast("connect")
    assert await client.closing() == BAD_REQUEST


@pytest.mark.parametrize(
    "command",
    [
        {"id": 1, "subscribe": {"channel": "news"}},
        {"id": 1, "publish": {"channel": "news", "data": 1}},
        {"id": 1, "rpc": {"method": "x"}},
        {"id": 1, "refresh": {"token": "x"}},
        {"id": 1, "ping": {}},
        {"send": {"data": 1}},
        {},
    ],
    ids=["subscribe", "publish", "rpc", "refresh", "ping", "send", "pong"],
)
async def test_first_command_must_be_connect(server: LocalServer, command: dict[str, Any]) -> None:
    client = await server.client()
    await client.send(command)
    assert await client.closing() == BAD_REQUEST


@pytest.mark.parametrize("second", [{"subscribe": {"channel": "news"}}, {"connect": {}}], ids=["subscribe", "connect"])
async def test_after_a_refused_connect_any_command_is_closed_with_3501(
    server: LocalServer, second: dict[str, Any]
) -> None:
    client = await server.client()
    await client.refusal("connect", token=connection_token("42", ttl_s=-1))
    await client.send({"id": 2, **second})
    assert await client.closing() == BAD_REQUEST


async def test_refused_connect_without_another_word_goes_stale(serve: Serve) -> None:
    server = await serve(hub_config(stale_close_delay_s=0.2))
    client = await server.client()
    await client.refusal("connect", token=connection_token("42", ttl_s=-1))
    assert await client.closing() == Close(3502, "stale")


async def test_connection_that_says_nothing_goes_stale(serve: Serve) -> None:
    server = await serve(hub_config(stale_close_delay_s=0.2))
    client = await server.client()
    assert await client.closing() == Close(3502, "stale")
    await server.forgotten()


async def test_connected_client_does_not_go_stale(serve: Serve) -> None:
    server = await serve(hub_config(stale_close_delay_s=0.2))
    client, witness = await server.connected(), await server.client()
    assert await witness.closing() == Close(3502, "stale")
    await client.settled()
