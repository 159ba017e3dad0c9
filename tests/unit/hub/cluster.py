"""Several nodes on one engine, in the time of the test's own loop."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from tests.support.engine_bus import EngineBus
from tests.unit.hub.node import Node
from tests.unit.hub.virtual_time import idle, virtual_loop

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from hub.config import HubConfig


class Cluster:
    """`async with Cluster(2) as cluster:` runs them, each known to the others."""

    def __init__(self, count: int, config: HubConfig | None = None) -> None:
        self.bus = EngineBus(virtual_loop().clock)
        self.nodes = [Node(config, self.bus.node()) for _ in range(count)]
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for node in self.nodes:
            await self._stack.enter_async_context(node.running())
        await idle()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def lose_control(self, node: Node, monkeypatch: Any) -> None:
        """This node hears no control message any more."""
        monkeypatch.setattr(node.hub, "on_control", lambda message: None)  # noqa: ARG005  # it is lost
