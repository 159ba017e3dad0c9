"""history: every way to read a stream."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_server import FULL, OPEN, hub_config
from tests.support.patience import eventually

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer
    from tests.support.raw_client import RawClient

READABLE = replace(OPEN, history_size=10, history_ttl_s=60, allow_history_for_client=True)


@pytest.fixture
async def stream(serve: Serve) -> tuple[LocalServer, RawClient, str]:
    """A stream of five publications; its epoch."""
    server = await serve(hub_config(FULL))
    epoch = await server.streamed("news", 5)
    return server, await server.connected(), epoch


Stream = tuple["LocalServer", "RawClient", str]


@pytest.mark.parametrize(
    ("request_", "offsets"),
    [
        ({}, []),
        ({"limit": 0}, []),
        ({"limit": -1}, [1, 2, 3, 4, 5]),
        ({"limit": 2}, [1, 2]),
        ({"limit": 99}, [1, 2, 3, 4, 5]),
        ({"limit": -1, "reverse": True}, [5, 4, 3, 2, 1]),
        ({"limit": 2, "reverse": True}, [5, 4]),
        ({"limit": -1, "since": {"offset": 3}}, [4, 5]),
        ({"limit": 1, "since": {"offset": 3}}, [4]),
        ({"limit": -1, "since": {"offset": 5}}, []),
        ({"limit": -1, "since": {"offset": 99}}, []),
        ({"limit": -1, "since": {"offset": 3}, "reverse": True}, [2, 1]),
        ({"limit": 1, "since": {"offset": 3}, "reverse": True}, [2]),
        ({"limit": -1, "since": {"offset": 1}, "reverse": True}, []),
    ],
)
async def test_what_a_query_returns(stream: Stream, request_: dict[str, Any], offsets: list[int]) -> None:
    server, client, epoch = stream
    result = await client.call("history", channel="news", **request_)
    assert [publication["offset"] for publication in result["publications"]] == offsets
    assert [publication["data"] for publication in result["publications"]] == offsets
    assert (result["offset"], result["epoch"]) == (5, epoch)
    assert await server.api.call("history", channel="news", **request_) == result, "backends read the same"


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"since": {"offset": 2, "epoch": "other"}}, 112),
        ({"since": {"offset": 0}, "reverse": True}, 107),
    ],
    ids=["another epoch", "reverse from 0"],
)
async def test_query_that_is_refused(stream: Stream, request_: dict[str, Any], code: int) -> None:
    _, client, _ = stream
    assert (await client.refusal("history", channel="news", limit=-1, **request_))["code"] == code


async def test_since_with_the_streams_epoch(stream: Stream) -> None:
    _, client, epoch = stream
    result = await client.call("history", channel="news", limit=-1, since={"offset": 4, "epoch": epoch})
    assert [publication["offset"] for publication in result["publications"]] == [5]


async def test_publications_keep_info_and_tags(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.client()
    me = (await client.call("connect"))["client"]
    await client.call("publish", channel="news", data="client")
    await server.api.publish("news", "backend", tags={"k": "v"})
    first, second = (await client.call("history", channel="news", limit=-1))["publications"]
    assert first == {"data": "client", "offset": 1, "info": {"user": "", "client": me}}
    assert second == {"data": "backend", "offset": 2, "tags": {"k": "v"}}


async def test_empty_stream_has_an_epoch_and_offset_zero(serve: Serve) -> None:
    server = await serve(hub_config(FULL))
    client = await server.connected()
    first = await client.call("history", channel="news")
    assert first["epoch"]
    assert (first["offset"], first["publications"]) == (0, [])
    assert await client.call("history", channel="news") == first, "reading it has fixed the epoch"


async def test_size_bounds_the_stream(serve: Serve) -> None:
    server = await serve(hub_config(replace(FULL, history_size=3)))
    client = await server.connected()
    for n in range(7):
        await server.api.publish("news", n)
    result = await client.call("history", channel="news", limit=-1)
    assert [publication["data"] for publication in result["publications"]] == [4, 5, 6]
    assert result["offset"] == 7


async def test_limit_of_clients_is_capped_and_that_of_backends_is_not(serve: Serve) -> None:
    server = await serve(hub_config(FULL, history_max_publication_limit=3))
    client = await server.connected()
    for n in range(5):
        await server.api.publish("news", n)
    for limit in (-1, 4, 100):
        assert len((await client.call("history", channel="news", limit=limit))["publications"]) == 3
    assert len((await server.api.call("history", channel="news", limit=-1))["publications"]) == 5


async def test_messages_end_after_their_ttl_and_the_position_stays(serve: Serve) -> None:
    server = await serve(hub_config(replace(FULL, history_ttl_s=1)))
    client = await server.connected()
    epoch = (await server.api.publish("news", 1))["epoch"]

    async def is_gone() -> bool:
        return not (await client.call("history", channel="news", limit=-1))["publications"]

    await eventually(is_gone)
    result = await client.call("history", channel="news", limit=-1)
    assert (result["offset"], result["epoch"]) == (1, epoch)
    assert (await server.api.publish("news", 2))["offset"] == 2


@pytest.mark.parametrize(
    ("options", "user", "is_subscribed", "code"),
    [
        (OPEN, "42", True, 108),
        (replace(OPEN, allow_history_for_client=True), "42", True, 108),
        (replace(READABLE, allow_history_for_client=False), "42", True, 103),
        (READABLE, "42", False, None),
        (READABLE, "", False, 103),
        (replace(READABLE, allow_history_for_anonymous=True), "", False, None),
        (replace(READABLE, allow_history_for_client=False, allow_history_for_subscriber=True), "42", True, None),
        (replace(READABLE, allow_history_for_client=False, allow_history_for_subscriber=True), "42", False, 103),
    ],
    ids=[
        "no history",
        "no history, allowed",
        "not allowed",
        "client",
        "anonymous",
        "anonymous allowed",
        "subscriber",
        "not a subscriber",
    ],
)
async def test_who_may_read(serve: Serve, options: Any, user: str, is_subscribed: bool, code: int | None) -> None:
    server = await serve(hub_config(options))
    client = await server.connected(user)
    if is_subscribed:
        await client.call("subscribe", channel="news")
    reply = await client.ask("history", channel="news", limit=1)
    assert reply.get("error", {}).get("code") == code


async def test_unknown_namespace_is_error_102(server: LocalServer) -> None:
    client = await server.connected()
    assert (await client.refusal("history", channel="nowhere:x"))["code"] == 102
