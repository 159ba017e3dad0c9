"""Shared state without a network edge: as many writers as the bench has, each with a document, in the store's own loop.

Everything behind the edge is there: group commit, the change log, the outbox and its publishing to an engine.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
from contextlib import AsyncExitStack
from pathlib import Path

from bench.floors import mutation_rows, on_request
from bench.floors.runtime import calm_garbage_collector, new_event_loop
from hub.clock import SystemClock
from hub.config import ChannelConfig, HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay.outbox import Outbox
from hub.supervisor import Supervisor
from sessions.channels import with_session_namespaces
from sessions.config import StateConfig
from sessions.state.documents import StateDocuments, open_state
from sessions.state.mutation import Mutation
from storage.config import StorageConfig
from storage.migration import migrate_up
from storage.opening import open_storage

_POSTGRES = "postgresql://"


class Writers:
    """One per user; each asks for its next mutation when it has the answer to the last."""

    def __init__(self, documents: StateDocuments) -> None:
        self._documents = documents
        self._numbers = itertools.count()

    async def work(self, seconds: float) -> int:
        deadline = time.monotonic() + seconds
        return sum(await asyncio.gather(*(self._write(user, deadline) for user in range(mutation_rows.USERS))))

    async def _write(self, user: int, deadline: float) -> int:
        done, name = 0, mutation_rows.user_name(user)
        while time.monotonic() < deadline:
            number = next(self._numbers)
            patch = b'{"n":%d}' % number
            mutation = Mutation(
                key=mutation_rows.KEY, id=f"m-{number}", device="device-of-this-writer", kind="merge", patch=patch
            )
            await self._documents.mutate(name, mutation)
            done += 1
        return done


async def open_documents(config: StorageConfig, stack: AsyncExitStack) -> StateDocuments:
    """The documents of an empty database, with all that works for them."""
    await migrate_up(config)
    storage = await stack.enter_async_context(open_storage(config))
    clock = SystemClock()
    engine = MemoryEngine(clock)
    hub = Hub(HubConfig(channel=with_session_namespaces(ChannelConfig())), engine, clock)
    outbox = Outbox(storage.relay, hub, clock)
    documents = await open_state(storage.business, outbox, clock, StateConfig(mutation_rate_per_s=0))
    supervisor = await stack.enter_async_context(Supervisor())
    for name, work in (*hub.tasks(), *documents.tasks(), ("engine", engine.run()), ("outbox", outbox.run())):
        supervisor.start(name, work)
    return documents


def storage_config(where: str) -> StorageConfig:
    return StorageConfig(url=where) if where.startswith(_POSTGRES) else StorageConfig(sqlite_path=Path(where))


def main() -> None:
    port, where = int(sys.argv[1]), sys.argv[2]
    loop = new_event_loop()
    asyncio.set_event_loop(loop)
    stack = AsyncExitStack()  # never closed: the process is ended
    documents = loop.run_until_complete(open_documents(storage_config(where), stack))
    calm_garbage_collector()
    writers = Writers(documents)
    on_request.serve(port, lambda seconds: loop.run_until_complete(writers.work(seconds)))


if __name__ == "__main__":
    main()
