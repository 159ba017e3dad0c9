"""Coming back: what a client that resumes from a position is told and given (docs/protocol.md section 3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.local_server import FULL, hub_config
from tests.support.patience import eventually
from tests.support.raw_client import Close, RawClient
from tests.support.tokens import subscription_token

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer

QUIET = replace(FULL, presence=False, join_leave=False)
CACHE = replace(QUIET, force_recovery_mode="cache")
SENTINEL = "_"
"""What SDKs send as epoch after their state was invalidated: it never matches."""


def recovering(offset: int, epoch: str, **more: Any) -> dict[str, Any]:
    """A subscribe request as SDKs send it: a zero offset and an empty epoch are left out."""
    position = {name: value for name, value in (("offset", offset), ("epoch", epoch)) if value}
    return {"channel": "news", "recover": True, **position, **more}


async def offsets_recovered(client: RawClient, request: dict[str, Any]) -> list[int] | None:
    """The offsets a resubscription brings; None when it was not recovered. Checks all else of the answer."""
    result = await client.call("subscribe", **request)
    assert result["was_recovering"] is True
    assert result["recoverable"] is True
    assert result["positioned"] is True
    if not result.get("recovered"):
        assert "publications" not in result
        return None
    assert result.get("publications") != [], "an empty list is left out"
    return [publication["offset"] for publication in result.get("publications", [])]


@pytest.mark.parametrize("missed", [0, 1, 5, 99])
async def test_everything_missed_is_given(serve: Serve, missed: int) -> None:
    server = await serve(hub_config(QUIET))
    epoch = await server.streamed("news", 1)
    client = await server.subscribed("news")
    client.vanish()
    for n in range(missed):
        await server.api.publish("news", n)
    back = await server.connected()
    assert await offsets_recovered(back, recovering(1, epoch)) == list(range(2, 2 + missed))
    await server.api.publish("news", "live")
    assert (await back.push("pub"))["offset"] == 2 + missed


@pytest.mark.parametrize(
    ("offset", "epoch", "expected"),
    [
        (5, "same", []),
        (2, "same", [3, 4, 5]),
        (0, "same", [1, 2, 3, 4, 5]),
        (2, "", [3, 4, 5]),
        (0, "", [1, 2, 3, 4, 5]),
        (6, "same", None),
        (2, "other", None),
        (5, "other", None),
        (0, SENTINEL, None),
        (5, SENTINEL, None),
    ],
)
async def test_which_positions_recover(serve: Serve, offset: int, epoch: str, expected: list[int] | None) -> None:
    server = await serve(hub_config(QUIET))
    known = await server.streamed("news", 5)
    request = recovering(offset, known if epoch == "same" else epoch)
    assert await offsets_recovered(await server.connected(), request) == expected


async def test_from_zero_on_a_stream_without_publications(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    epoch = (await server.api.call("history", channel="news"))["epoch"]
    assert await offsets_recovered(await server.connected(), recovering(0, epoch)) == []


async def test_unrecovered_answer_tells_the_top_to_go_on_from(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    epoch = await server.streamed("news", 5)
    result = await (await server.connected()).call("subscribe", **recovering(2, "other"))
    assert (result["offset"], result["epoch"]) == (5, epoch)
    assert "recovered" not in result


@pytest.mark.parametrize(("offset", "expected"), [(4, [5, 6]), (3, [4, 5, 6]), (2, None)])
async def test_trimmed_stream_recovers_whole_or_not_at_all(
    serve: Serve, offset: int, expected: list[int] | None
) -> None:
    server = await serve(hub_config(replace(QUIET, history_size=3)))
    epoch = await server.streamed("news", 6)
    assert await offsets_recovered(await server.connected(), recovering(offset, epoch)) == expected


@pytest.mark.parametrize(("offset", "expected"), [(2, [3, 4, 5]), (1, None)])
async def test_more_than_the_limit_is_not_recovered(serve: Serve, offset: int, expected: list[int] | None) -> None:
    server = await serve(hub_config(QUIET, recovery_max_publication_limit=3))
    epoch = await server.streamed("news", 5)
    assert await offsets_recovered(await server.connected(), recovering(offset, epoch)) == expected


async def test_without_a_limit_all_is_recovered(serve: Serve) -> None:
    server = await serve(hub_config(replace(QUIET, history_size=1000), recovery_max_publication_limit=0))
    epoch = await server.streamed("news", 1000)
    offsets = await offsets_recovered(await server.connected(), recovering(0, epoch))
    assert offsets == list(range(1, 1001))


async def test_removed_history_recovers_only_who_missed_nothing(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    epoch = await server.streamed("news", 5)
    await server.api.call("history_remove", channel="news")
    assert await offsets_recovered(await server.connected(), recovering(5, epoch)) == []
    assert await offsets_recovered(await server.connected(), recovering(4, epoch)) is None
    assert (await server.api.publish("news", 6)) == {"offset": 6, "epoch": epoch}
    assert await offsets_recovered(await server.connected(), recovering(5, epoch)) == [6]


async def test_lost_position_means_another_epoch(serve: Serve) -> None:
    server = await serve(hub_config(replace(QUIET, history_ttl_s=1, history_meta_ttl_s=1)))
    epoch = await server.streamed("news", 2)
    await position_is_forgotten(server)
    assert (await server.api.publish("news", 1))["offset"] == 1
    assert await offsets_recovered(await server.connected(), recovering(1, epoch)) is None


async def test_publication_that_skips_history_is_no_gap(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    epoch = await server.streamed("news", 1)
    client = await server.connected()
    await client.call("subscribe", **recovering(1, epoch))
    assert await server.api.publish("news", "passing", skip_history=True) == {}
    await server.api.publish("news", "kept")
    passing, kept = await client.push("pub"), await client.push("pub")
    assert passing == {"data": "passing"}
    assert kept == {"data": "kept", "offset": 2}
    assert await offsets_recovered(await server.connected(), recovering(1, epoch)) == [2]


async def test_resubscription_on_the_same_connection_recovers_too(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    client = await server.subscribed("news")
    epoch = await server.streamed("news", 2)
    await client.data("news", 2)
    await client.call("unsubscribe", channel="news")
    await server.api.publish("news", 3)
    assert await offsets_recovered(client, recovering(2, epoch)) == [3]


async def test_recover_means_nothing_in_a_channel_that_cannot(server: LocalServer) -> None:
    client = await server.connected()
    assert await client.call("subscribe", **recovering(3, "x")) == {}


async def test_recovery_granted_by_a_token_alone(serve: Serve) -> None:
    server = await serve(hub_config(replace(QUIET, force_recovery=False)))
    epoch = await server.streamed("news", 2)
    client = await server.connected("42")
    token = subscription_token("42", "news", override={"force_recovery": {"value": True}})
    assert await offsets_recovered(client, recovering(1, epoch, token=token)) == [2]


# --- reject unrecovered -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flag", "epoch", "refused"), [(2, "other", True), (3, "other", True), (1, "other", False), (2, "same", False)]
)
async def test_flag_bit_2_turns_an_unrecovered_answer_into_error_112(
    serve: Serve, flag: int, epoch: str, refused: bool
) -> None:
    server = await serve(hub_config(QUIET))
    known = await server.streamed("news", 5)
    client = await server.connected()
    request = recovering(2, known if epoch == "same" else epoch, flag=flag)
    reply = await client.ask("subscribe", **request)
    assert ("error" in reply) is refused
    if refused:
        assert reply["error"] == {"code": 112, "message": "unrecoverable position"}
        assert "subscribe" in await client.ask("subscribe", channel="news"), "nothing of the refused one is left"


async def test_flag_bit_2_without_recover_never_refuses(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    await server.streamed("news", 5)
    await (await server.connected()).call("subscribe", channel="news", flag=2)


# --- cache ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("offset", "epoch", "expected"),
    [(2, "same", [5]), (4, "same", [5]), (5, "same", []), (5, "other", [5]), (0, "", [5]), (9, "same", [5])],
)
async def test_cache_gives_the_latest_publication(serve: Serve, offset: int, epoch: str, expected: list[int]) -> None:
    server = await serve(hub_config(CACHE))
    known = await server.streamed("news", 5)
    request = recovering(offset, known if epoch == "same" else epoch)
    assert await offsets_recovered(await server.connected(), request) == expected


@pytest.mark.parametrize(("offset", "expected"), [(5, []), (4, None), (0, None)])
async def test_empty_cache_recovers_only_who_is_at_the_top(
    serve: Serve, offset: int, expected: list[int] | None
) -> None:
    server = await serve(hub_config(CACHE))
    epoch = await server.streamed("news", 5)
    await server.api.call("history_remove", channel="news")
    assert await offsets_recovered(await server.connected(), recovering(offset, epoch)) == expected


async def test_cache_without_recover_gives_nothing(serve: Serve) -> None:
    server = await serve(hub_config(CACHE))
    await server.streamed("news", 5)
    result = await (await server.connected()).call("subscribe", channel="news")
    assert result["offset"] == 5
    assert not {"publications", "recovered"} & result.keys()


async def test_auto_cache_gives_the_latest_publication_unasked(serve: Serve) -> None:
    server = await serve(hub_config(replace(CACHE, auto_cache_recover=True)))
    await server.streamed("news", 5)
    result = await (await server.connected()).call("subscribe", channel="news")
    assert [publication["data"] for publication in result["publications"]] == [5]
    assert result["recovered"] is True
    assert "was_recovering" not in result, "the client did not ask"


# --- live positioning -------------------------------------------------------------------------------------------------


async def test_continuity_lost_unsubscribes_with_2500(serve: Serve) -> None:
    """The stream moves on and this node is not told: as when a bus between nodes loses a message."""
    server = await serve(hub_config(QUIET, channel_position_check_delay_s=0.1))
    client = await server.subscribed("news")
    epoch = await server.streamed("news", 2)
    await client.data("news", 2)
    await publish_unheard(server, "news")
    assert await client.push("unsubscribe", "news") == {"code": 2500, "reason": "insufficient state"}
    assert await offsets_recovered(client, recovering(2, epoch)) == [3], "and coming back loses nothing"


async def test_continuity_lost_on_a_server_side_subscription_closes_with_3010(serve: Serve) -> None:
    server = await serve(hub_config(QUIET, channel_position_check_delay_s=0.1))
    client = await server.connected("42")
    await server.api.call("subscribe", user="42", channel="news")
    await client.push("subscribe", "news")
    await publish_unheard(server, "news")
    assert await client.closing() == Close(3010, "insufficient state")


async def test_gap_before_a_live_publication_unsubscribes_before_it_is_delivered(serve: Serve) -> None:
    server = await serve(hub_config(QUIET))
    client = await server.subscribed("news")
    await publish_unheard(server, "news")
    await server.api.publish("news", "behind the gap")
    assert await client.push("unsubscribe", "news") == {"code": 2500, "reason": "insufficient state"}
    await client.settled()
    assert not client.unread("pub")


async def test_epoch_that_changes_under_a_subscription_unsubscribes(serve: Serve) -> None:
    server = await serve(
        hub_config(replace(QUIET, history_ttl_s=1, history_meta_ttl_s=1), channel_position_check_delay_s=60)
    )
    client = await server.subscribed("news")
    await server.streamed("news", 1)
    await client.data("news", 1)
    await position_is_forgotten(server)
    await server.api.publish("news", "new life")
    assert (await client.push("unsubscribe", "news"))["code"] == 2500


async def position_is_forgotten(server: LocalServer) -> None:
    """Wait without reading the stream: that would keep it."""
    await eventually(lambda: not server.engine.holdings().streams)


async def publish_unheard(server: LocalServer, channel: str) -> None:
    """Append to the stream without telling this node's hub."""
    engine, hub = server.engine, server.hub
    engine.bind(Deaf(hub))
    try:
        await server.api.publish(channel, "unheard")
    finally:
        engine.bind(hub)


class Deaf:
    """An engine's listener that misses publications."""

    def __init__(self, hub: Any) -> None:
        self.on_join, self.on_leave = hub.on_join, hub.on_leave
        self.on_control, self.on_lapse = hub.on_control, hub.on_lapse

    def on_publication(self, *_: object) -> None:
        pass
