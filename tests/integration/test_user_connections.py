"""How many connections a user may have, where there are several nodes."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from hub.config import PersonalChannelConfig
from tests.support.cluster import local_nodes
from tests.support.local_server import FULL, OPEN, hub_config
from tests.support.raw_client import Close, raw_client
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from tests.support.redis import RedisServer

LIMIT = Close(3504, "connection limit")


async def test_the_newest_connection_of_a_user_is_the_only_one_on_all_nodes(redis_server: RedisServer) -> None:
    personal = PersonalChannelConfig(enabled=True, personal_channel_namespace="mine", single_connection=True)
    config = hub_config(OPEN, {"mine": FULL}, subscribe_to_user_personal_channel=personal)
    async with local_nodes(redis_server.port, 2, config) as (here, there):
        first = await here.connected("ann")
        stranger = await here.connected("bob")
        second = await there.connected("ann")
        assert await first.closing() == LIMIT
        third = await here.connected("ann")
        assert await second.closing() == LIMIT
        await third.settled()
        await stranger.settled()


async def test_the_limit_of_a_user_is_each_nodes_own(redis_server: RedisServer) -> None:
    """As Centrifugo's: what all nodes together allow is the sum."""
    async with (
        local_nodes(redis_server.port, 2, hub_config(OPEN, user_connection_limit=1)) as nodes,
        AsyncExitStack() as stack,
    ):
        clients = [await node.connected("ann") for node in nodes]
        for node in nodes:
            one_more = await stack.enter_async_context(await raw_client(node.ws_url))
            await one_more.cast("connect", token=connection_token("ann"))
            assert await one_more.closing() == LIMIT
        for client in clients:
            await client.settled()
