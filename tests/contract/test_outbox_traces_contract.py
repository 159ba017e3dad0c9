"""The trace of a request goes on through its unit of work and its events, on every database."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from composition.traced_storage import trace_storage, unit_name
from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay.outbox import Outbox
from hub.supervisor import Supervisor
from hub.tracing import SHARED, TRACEPARENT, UNSAMPLED, Kind, Shared, TraceContext
from sessions.state.mutation import Mutation
from storage.database import Query, StorageUnavailable
from tests.support.clock import FakeClock
from tests.support.patience import eventually
from tests.support.state_node import StateNode
from tests.support.tracer import RecordingTracer, current

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.relay.outbox import OutboxEntry
    from storage.database import Storage, Transaction

REQUEST = TraceContext("a" * 32, "1" * 16, state="v=1")
COUNT = Query("test_count_outbox", "SELECT count(*) FROM outbox")
NAMESPACES = {"news": ChannelOptions(history_size=100, history_ttl_s=3_600)}


class Node:
    """An outbox on a traced storage."""

    def __init__(self, storage: Storage, *, later_s: float = 0) -> None:
        clock = FakeClock()
        clock.advance(later_s)
        self.tracer = RecordingTracer(samples=False)
        self.storage = trace_storage(storage, self.tracer)
        self.hub = Hub(HubConfig(channel=ChannelConfig(namespaces=NAMESPACES)), MemoryEngine(clock), clock)
        self.hub.tracer = self.tracer
        self.outbox = Outbox(self.storage.relay, self.hub, clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Node]:
        async with Supervisor() as supervisor:
            supervisor.start("outbox", self.outbox.run())
            await eventually(lambda: not self.outbox.is_behind and self.outbox.measures()["outbox_parts"])
            yield self

    async def commit(self, data: bytes = b"1") -> OutboxEntry:
        async def work(tx: Transaction) -> OutboxEntry:
            return await self.outbox.add(tx, "news:1", data)

        return await self.storage.business.run(work)

    async def tags(self, number: int) -> list[dict[str, str]]:
        """Of so many publications."""

        async def has_come() -> bool:
            return len((await self.hub.history("news:1", limit=-1)).publications) == number

        await eventually(has_come)
        publications = (await self.hub.history("news:1", limit=-1)).publications
        return [each.tags if isinstance(each.tags, dict) else {} for each in publications]


async def test_an_event_of_a_followed_request_is_published_below_it(storage: Storage) -> None:
    async with Node(storage).running() as node:
        with current(REQUEST):
            entry = await node.commit()
        node.outbox.publish_soon([entry])
        (tags,) = await node.tags(1)
        unit, publish = node.tracer.spans
        assert (unit.name, unit.kind, unit.parent, unit.num_ends) == ("sql Node.commit", Kind.CLIENT, REQUEST, 1)
        assert unit.attributes["db.system.name"] in ("sqlite", "postgresql")
        assert (publish.name, publish.parent) == ("publish news", REQUEST)
        assert tags[TRACEPARENT] == publish.context.traceparent()


async def test_one_that_a_crash_left_behind_too(storage: Storage) -> None:
    with current(REQUEST):
        await Node(storage).commit()
    async with Node(storage, later_s=60).running() as node:
        await node.tags(1)
        assert node.tracer.one("publish news").parent == REQUEST


@pytest.mark.parametrize("context", [UNSAMPLED, None])
async def test_an_event_of_any_other_begins_no_trace(storage: Storage, context: TraceContext | None) -> None:
    async with Node(storage).running() as node:
        node.tracer.samples = True
        with current(context):
            entry = await node.commit()
        node.outbox.publish_soon([entry])
        assert await node.tags(1) == [{}]
        assert not node.tracer.spans


async def test_readings_are_followed_and_signs_of_life_are_not(storage: Storage) -> None:
    node = Node(storage)
    with current(REQUEST):
        assert await node.storage.auth.fetch(COUNT) == [(0,)]
        assert await node.storage.auth.fetch_one(COUNT) == (0,)
        await node.storage.auth.ping()
    assert node.tracer.names == ["sql test_count_outbox"] * 2


async def test_what_undoes_a_unit_of_work_is_told(storage: Storage) -> None:
    node = Node(storage)

    async def refuse(_: Transaction) -> None:
        raise LookupError

    async def fail(_: Transaction) -> None:
        raise StorageUnavailable

    with current(REQUEST):
        with pytest.raises(LookupError):
            await node.storage.business.run(refuse)
        with pytest.raises(StorageUnavailable):
            await node.storage.business.run(fail)
    refused, failed = node.tracer.spans
    assert (refused.error, refused.attributes["syncline.undone_by"]) == ("", "LookupError")
    assert (failed.error, failed.num_ends) == ("StorageUnavailable", 1)


async def test_parts_that_are_one_database_stay_one(storage: Storage) -> None:
    parts = [storage.auth, storage.business, storage.relay]
    node = Node(storage)
    traced = [node.storage.auth, node.storage.business, node.storage.relay]
    assert len(set(map(id, traced))) == len(set(map(id, parts)))
    assert [part.counters for part in traced] == [part.counters for part in parts]
    assert node.storage.notifications is storage.notifications


async def test_mutations_that_are_written_together_stay_apart(storage: Storage) -> None:
    tracer = RecordingTracer(samples=False)
    async with StateNode(trace_storage(storage, tracer), FakeClock()) as node:
        node.hub.tracer = tracer
        requests = [REQUEST, UNSAMPLED, REQUEST._replace(trace_id="b" * 32)]

        async def mutate(number: int, request: TraceContext) -> None:
            with current(request):
                mutation = Mutation(f"key-{number}", f"mutation-{number}", "laptop", "replace", b"1")
                await node.documents.mutate("ann", mutation)

        await asyncio.gather(*(mutate(number, request) for number, request in enumerate(requests)))
        followed = {requests[0], requests[2]}
        await eventually(lambda: {span.parent for span in tracer.named("publish state")} == followed)
    units = tracer.named("sql Writer._write")
    assert {unit.parent for unit in units} == followed
    assert {unit.num_ends for unit in units} == {1}
    assert all(1 <= int(unit.attributes["syncline.batch_size"]) <= len(requests) for unit in units)
    assert {span.name for span in tracer.spans} == {"publish state", "sql Writer._write"}


async def test_a_unit_of_work_for_several_has_a_span_in_the_trace_of_each(storage: Storage) -> None:
    node = Node(storage)
    other = REQUEST._replace(trace_id="b" * 32)
    token = SHARED.set(Shared((REQUEST, other), 5))
    try:
        await node.storage.business.run(_nothing)
        with pytest.raises(LookupError):
            await node.storage.business.run(_failure)
    finally:
        SHARED.reset(token)
    done, undone = node.tracer.spans[:2], node.tracer.spans[2:]
    assert [span.parent for span in done] == [span.parent for span in undone] == [REQUEST, other]
    assert {span.attributes["syncline.batch_size"] for span in node.tracer.spans} == {5}
    assert [span.attributes["syncline.undone_by"] for span in undone] == ["LookupError"] * 2
    assert {span.num_ends for span in node.tracer.spans} == {1}


async def _nothing(_tx: Transaction) -> None: ...


async def _failure(_tx: Transaction) -> None:
    raise LookupError


def test_a_unit_of_work_is_called_by_where_it_is_written() -> None:
    assert unit_name(lambda: None) == "test_a_unit_of_work_is_called_by_where_it_is_written"
    assert unit_name(Node.commit) == "Node.commit"
