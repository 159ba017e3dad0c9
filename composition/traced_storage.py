"""A storage whose work is part of the trace of whoever asks for it: a span per unit of work and per reading.

Outside a context that is followed it costs a look at a context variable.
"""

from __future__ import annotations

import asyncio
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hub.span_failures import fail
from hub.tracing import CURRENT, SHARED, Kind
from storage.database import StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping

    from hub.tracing import Attribute, Shared, TraceContext, Tracer
    from storage.database import Counters, Database, Dialect, Query, Row, Storage, Transaction, Value

T = TypeVar("T")

SYSTEM_OF: Final = {"sqlite": "sqlite", "postgres": "postgresql"}
"""OpenTelemetry's `db.system.name`, by dialect."""

UNIT: Final = "transaction"
"""`db.operation.name` of a unit of work."""

NOTHING: Final[Mapping[str, Attribute]] = {}


def trace_storage(storage: Storage, tracer: Tracer) -> Storage:
    """The same storage, followed; parts that are one database stay one."""
    traced = {id(part): TracedDatabase(part, tracer) for part in (storage.auth, storage.business, storage.relay)}
    return replace(
        storage,
        auth=traced[id(storage.auth)],
        business=traced[id(storage.business)],
        relay=traced[id(storage.relay)],
    )


class TracedDatabase:
    """Implements `storage.database.Database` on top of another one."""

    def __init__(self, database: Database, tracer: Tracer) -> None:
        self._database = database
        self._tracer = tracer
        self.counters: Counters = database.counters

    @property
    def dialect(self) -> Dialect:
        return self._database.dialect

    @property
    def num_waiting(self) -> int:
        return self._database.num_waiting

    async def ping(self) -> None:
        """Never followed: it is asked for by itself, all the time."""
        await self._database.ping()

    async def fetch(self, query: Query, *values: Value) -> list[Row]:
        context = _followed()
        if context is None:
            return await self._database.fetch(query, *values)
        with self._span(query.name, context, query.name):
            return await self._database.fetch(query, *values)

    async def fetch_one(self, query: Query, *values: Value) -> Row | None:
        context = _followed()
        if context is None:
            return await self._database.fetch_one(query, *values)
        with self._span(query.name, context, query.name):
            return await self._database.fetch_one(query, *values)

    async def run(self, work: Callable[[Transaction], Coroutine[Any, Any, T]]) -> T:
        context = _followed()
        if context is None:
            shared = SHARED.get()
            return await (self._database.run(work) if not shared else self._run_shared(work, shared))
        with self._span(unit_name(work), context, UNIT):
            return await self._database.run(_carrying(context, work))

    async def _run_shared(self, work: Callable[[Transaction], Coroutine[Any, Any, T]], shared: Shared) -> T:
        """The events that it leaves have been told apart by whoever does it."""
        with ExitStack() as spans:
            for parent in shared.parents:
                spans.enter_context(self._span(unit_name(work), parent, UNIT, {"syncline.batch_size": shared.size}))
            return await self._database.run(work)

    @contextmanager
    def _span(
        self, name: str, parent: TraceContext, operation: str, more: Mapping[str, Attribute] = NOTHING
    ) -> Iterator[None]:
        attributes = {"db.system.name": SYSTEM_OF[self.dialect], "db.operation.name": operation, **more}
        span = self._tracer.start_span(f"sql {name}", Kind.CLIENT, parent, attributes)
        try:
            yield
        except (StorageUnavailable, asyncio.CancelledError) as exc:
            fail(span, exc)
            raise
        except Exception as exc:  # what the work raises is an answer: it was undone
            span.set("syncline.undone_by", type(exc).__qualname__)
            raise
        finally:
            span.end()


def unit_name(work: Callable[..., object]) -> str:
    """Where in our code the unit of work is written: a closed set."""
    name = getattr(work, "__qualname__", type(work).__qualname__)
    return name.partition(".<locals>")[0]


def _followed() -> TraceContext | None:
    context = CURRENT.get()
    return context if context is not None and context.is_sampled else None


def _carrying(
    context: TraceContext, work: Callable[[Transaction], Coroutine[Any, Any, T]]
) -> Callable[[Transaction], Coroutine[Any, Any, T]]:
    """The work in the same context, on whatever thread it is done: events that it leaves in the outbox bear it."""

    async def carry(tx: Transaction) -> T:
        token = CURRENT.set(context)
        try:
            return await work(tx)
        finally:
            CURRENT.reset(token)

    return carry
