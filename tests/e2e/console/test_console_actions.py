"""The console in Chromium, with real data: connections, channels, relays with dead letters, and traces."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio
from centrifuge import Client  # type: ignore[import-untyped]  # it has no py.typed

from tests.e2e.console.hub import ConsoleHub, running_console
from tests.e2e.python_sdk import ClientRecording, SubscriptionRecording
from tests.support.patience import TIME_SCALE, eventually
from tests.support.redis_streams import add
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.support.postgres import PostgresServer
    from tests.support.redis import RedisServer

pytestmark = [
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.browser,
    pytest.mark.node,
    pytest.mark.slow,
    pytest.mark.timeout(120 * TIME_SCALE),
]

STREAM = "console-orders"

NAMESPACES: list[dict[str, Any]] = [
    {
        "name": "chat",
        "presence": True,
        "history_size": 100,
        "history_ttl": "300s",
        "allow_subscribe_for_client": True,
        "allow_presence_for_client": True,
    },
    {"name": "bare", "allow_subscribe_for_client": True},
]


def relay_of(redis: RedisServer) -> list[dict[str, Any]]:
    return [
        {
            "name": "orders",
            "type": "redis_stream",
            "redis_stream": {"address": [redis.url], "streams": [STREAM]},
            "routes": [{"when": {"data.room": "*"}, "channels": ["chat:{data.room}"]}],
        }
    ]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def hub(
    shared_redis: RedisServer, postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[ConsoleHub]:
    directory: Path = tmp_path_factory.mktemp("console")
    sections = {"channel": {"namespaces": NAMESPACES}, "consumers": relay_of(shared_redis)}
    async with running_console(shared_redis, postgres, directory, "console_actions", **sections) as running:
        yield running


class Visitor:
    """One client of centrifuge-python, and what happened to it."""

    def __init__(self, url: str, user: str) -> None:
        self.events = ClientRecording()
        self.heard = SubscriptionRecording()
        options = {"min_reconnect_delay": 0.05, "max_reconnect_delay": 0.3, "proxy": None}
        self.client = Client(url, events=self.events, token=connection_token(user), **options)

    async def follow(self, channel: str) -> None:
        await self.client.connect()
        await self.events.next("connected")
        await self.client.new_subscription(channel, events=self.heard).subscribe()
        await self.heard.next("subscribed")

    @property
    def id(self) -> str:
        """Of its present connection."""
        return str(self.events.of("connected")[-1].client)


@asynccontextmanager
async def visitor(hub: ConsoleHub, user: str, channel: str, node: int = 0) -> AsyncIterator[Visitor]:
    one = Visitor(hub.nodes[node].ws_url, user)
    await one.follow(channel)
    try:
        yield one
    finally:
        await one.client.disconnect()


# --- connections ----------------------------------------------------------------------------------------------------


async def test_connections_of_all_nodes_are_found_and_looked_into(hub: ConsoleHub) -> None:
    async with visitor(hub, "ada", "chat:kitchen") as ada, visitor(hub, "adam", "chat:garden", node=1) as adam:
        await hub.drive("connections.search", ada=ada.id, adam=adam.id)


async def test_a_client_that_may_reconnect_does(hub: ConsoleHub) -> None:
    async with visitor(hub, "ben", "chat:kitchen", node=1) as ben:
        before = ben.id
        await hub.drive("connections.disconnect", user="ben", client=before)
        await ben.events.next("connected", lambda context: context.client != before)


async def test_a_client_that_must_not_reconnect_stays_away(hub: ConsoleHub) -> None:
    async with visitor(hub, "cleo", "chat:kitchen", node=1) as cleo:
        await hub.drive("connections.disconnect_for_good", user="cleo", client=cleo.id)
        gone = await cleo.events.next("disconnected")
        assert (gone.code, len(cleo.events.of("connected"))) == (3503, 1)
        trail = await hub.admin.call("GET", "/v1/audit?limit=20")
        assert {"connection.disconnected", cleo.id} <= words_of(trail.json)


async def test_a_session_is_revoked_with_all_that_it_has(hub: ConsoleHub) -> None:
    device = await hub.people.log_in(await hub.people.register())
    client = await hub.people.connect(device)
    await hub.drive("connections.revoke", session=device.sid)
    close = await client.closing()
    assert close.code >= 3500, close
    assert (await device.call("GET", "/v1/me")).status == 401


# --- channels -------------------------------------------------------------------------------------------------------


async def test_a_channel_is_looked_into_and_published_to(hub: ConsoleHub) -> None:
    async with visitor(hub, "ada", "chat:salon") as ada, visitor(hub, "eve", "chat:salon", node=1) as eve:
        for number in range(3):
            await hub.nodes[0].api.call("publish", channel="chat:salon", data={"number": number})
        await hub.drive("channels.look_and_publish", channel="chat:salon", member=ada.id)
        assert (await ada.heard.publications(4))[-1] == {"from": "the console", "list": [1, None, "<b>&</b>"]}
        await eve.heard.publications(4)


async def test_channels_with_nothing_to_show_say_why(hub: ConsoleHub) -> None:
    async with visitor(hub, "ada", "bare:yard"):
        await hub.drive("channels.nothing_to_show", channel="bare:yard")


async def test_documents_of_users_are_not_shown(hub: ConsoleHub) -> None:
    await hub.drive("channels.platform_channel")


# --- relays ---------------------------------------------------------------------------------------------------------


async def test_dead_letters_are_inspected_replayed_and_removed(hub: ConsoleHub, shared_redis: RedisServer) -> None:
    for number in range(4):
        await add(shared_redis, {"number": number, "note": "no room, so no route"}, STREAM, x_tenant="acme")
    await add(shared_redis, b"{broken", STREAM)
    await shared_redis.execute(
        *("XADD", f"{STREAM}.dead", "*", "payload", '{"room": "repaired", "number": 9}'),
        *("x-syncline-reason", "fault", "x-syncline-detail", "it was repaired since"),
        *("x-syncline-stream", STREAM, "x-syncline-id", "1-1", "x-syncline-attempts", "3"),
    )
    await eventually(lambda: has_letters(shared_redis, 6))
    await hub.drive("relays.dead_letters")
    await eventually(lambda: has_letters(shared_redis, 0))
    history = await hub.nodes[1].api.call("history", channel="chat:repaired", limit=10)
    assert [publication["data"]["number"] for publication in history["publications"]] == [9]


async def has_letters(redis: RedisServer, count: int) -> bool:
    return int(await redis.execute("XLEN", f"{STREAM}.dead")) == count


# --- traces ---------------------------------------------------------------------------------------------------------


async def test_a_trace_goes_from_a_publisher_over_both_nodes(hub: ConsoleHub) -> None:
    async with visitor(hub, "ada", "chat:traced"), visitor(hub, "eve", "chat:traced", node=1):
        await hub.drive("traces.follow", channel="chat:traced")


@pytest.mark.parametrize("scenario", ["wrong_input", "server_errors", "many_rows", "silent_nodes", "empty"])
async def test_nothing_is_hidden(hub: ConsoleHub, scenario: str) -> None:
    await hub.drive(f"trouble.{scenario}")


@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_all_pages_look_right(hub: ConsoleHub, theme: str) -> None:
    async with visitor(hub, "ada", "chat:lounge"), visitor(hub, "eve", "chat:lounge", node=1):
        await hub.drive("looks.all", theme=theme, channel="chat:lounge")


async def test_the_keyboard_is_enough(hub: ConsoleHub) -> None:
    async with visitor(hub, "kim", "chat:keys") as kim:
        await hub.drive("connections.by_keyboard", client=kim.id)


def words_of(value: object) -> set[str]:
    """Every string in a JSON value."""
    if isinstance(value, str):
        return {value}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*map(words_of, parts)) if parts else set()
