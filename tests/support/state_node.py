"""One node that serves shared state on a given database, and can be made to crash at a named point."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engine import HistoryQuery
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay.outbox import Outbox
from hub.supervisor import Supervisor
from sessions.config import StateConfig
from sessions.state.documents import StateDocuments, open_state
from sessions.state.rpc import state_methods
from storage.database import Query

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType
    from typing import Self

    from hub.engine import Engine
    from hub.protocol.messages import Publication
    from storage.database import Storage
    from tests.support.clock import FakeClock

NAMESPACES = {"state": ChannelOptions(history_size=1_000, history_ttl_s=3_600)}

COUNT_OUTBOX = Query("test_count_outbox", "SELECT count(*) FROM outbox")


class Crash(BaseException):
    """The process ends here: nothing after this point happens."""


class StateNode:
    """`async with StateNode(storage, clock) as node:` runs it; leaving stops its tasks wherever they are.

    Attributes:
        crash_at: the checkpoint at which it crashes, once; "" for never.
        has_crashed: set when it did. Whoever asked it anything gets no answer any more.
    """

    def __init__(
        self,
        storage: Storage,
        clock: FakeClock,
        *,
        engine: Engine | None = None,
        config: StateConfig | None = None,
        channel: ChannelConfig | None = None,
    ) -> None:
        self._storage = storage
        self._clock = clock
        self._config = config or StateConfig(mutation_rate_per_s=0)
        self.engine = engine or MemoryEngine(clock)
        self.hub = Hub(HubConfig(channel=channel or ChannelConfig(namespaces=NAMESPACES)), self.engine, clock)
        self.outbox = Outbox(storage.relay, self.hub, clock, checkpoint=self._reach)
        self.documents: StateDocuments
        self.crash_at = ""
        self.has_crashed = asyncio.Event()
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.documents = await open_state(
            self._storage.business, self.outbox, self._clock, self._config, checkpoint=self._reach
        )
        self.methods = state_methods(self.documents)
        supervisor = await self._stack.enter_async_context(Supervisor())
        for name, work in (("outbox", self.outbox.run()), *self.documents.tasks()):
            supervisor.start(name, _until_crash(work))
        await asyncio.sleep(0)  # they have begun
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def _reach(self, point: str) -> None:
        if self.has_crashed.is_set() or point == self.crash_at:
            self.has_crashed.set()
            raise Crash(point)

    async def published(self, channel: str) -> list[Publication]:
        """What subscribers of this channel have been sent."""
        return (await self.hub.engine.history(channel, HistoryQuery(limit=-1))).publications

    async def outbox_rows(self) -> int:
        row = await self._storage.relay.fetch_one(COUNT_OUTBOX)
        assert row is not None
        count: Any = row[0]
        return int(count)


async def _until_crash(work: Coroutine[object, object, None]) -> None:
    try:
        await work
    except* Crash:
        pass
