"""A node on a staged engine, whose channels have everything that a subscription can leave behind."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.staged_engine import StagedEngine
from tests.unit.hub.virtual_time import idle, virtual_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FULL = replace(
    OPEN,
    presence=True,
    join_leave=True,
    force_push_join_leave=True,
    force_recovery=True,
    history_size=10,
    history_ttl_s=60,
)


class StagedNode(Node):
    engine: StagedEngine

    async def assert_nothing_is_left(self) -> None:
        """Of no channel and no connection."""
        await idle()
        hub = self.hub
        assert hub.index.channels == {}
        assert (hub.index.num_subscriptions, hub.registry.num_clients) == (0, 0)
        holdings = self.engine.holdings()
        assert (holdings.presence_channels, holdings.subscriptions) == (0, 0)


@asynccontextmanager
async def staged_node(**client: Any) -> AsyncIterator[StagedNode]:
    engine = StagedEngine(virtual_loop().clock).stage()
    node = StagedNode(hub_config(FULL, **client), engine)
    async with node.running():
        yield node
