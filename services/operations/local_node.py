"""What this node knows of itself, and answers the others when operators ask."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from msgspec.structs import replace

from hub.process_usage import resident_bytes
from services.operations import questions
from services.operations.connections import find_connections
from services.operations.questions import PER_CHUNK, ConnectionsWanted, LinesWanted
from services.operations.views import NodeView

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from msgspec import Raw

    from hub.engine import NodeInfo
    from hub.hub import Hub
    from services.operations.ports import LogStore, NodeHealth, RelayReader, TraceStore
    from services.operations.process_meter import ProcessMeter
    from services.operations.views import LogLine, TraceSummary

T = TypeVar("T")


class LocalNode:
    """Reads the parts of one node.

    Attributes:
        health: what readiness says; set when there is something to ask.
        traces, logs, relays: None where the node keeps none.
    """

    def __init__(
        self,
        hub: Hub,
        meter: ProcessMeter,
        *,
        relays: RelayReader | None = None,
        traces: TraceStore | None = None,
        logs: LogStore | None = None,
    ) -> None:
        self.hub = hub
        self.relays = relays
        self.traces = traces
        self.logs = logs
        self.health: NodeHealth | None = None
        self._meter = meter

    def serve(self) -> None:
        """Answer the questions of other nodes, and of this one. Once per hub."""
        for kind, responder in {
            questions.NODE: self._node,
            questions.CONNECTIONS: self._connections,
            questions.RELAYS: self._relays,
            questions.TRACES: self._traces,
            questions.TRACE: self._trace,
            questions.LOGS: self._logs,
        }.items():
            self.hub.survey.serve(kind, responder)

    def named(self, lines: Iterable[LogLine]) -> list[LogLine]:
        """Lines with the node they are of."""
        uid, name = self.hub.uid, self.hub.node_info().name
        return [replace(line, node=uid, node_name=name) for line in lines]

    # --- answers ----------------------------------------------------------------------------------------------------

    async def _node(self, _: Raw) -> AsyncIterator[NodeView]:
        hub = self.hub
        health: Mapping[str, Any] = {} if self.health is None else await self.health()
        yield node_view(
            hub.node_info(),
            uptime_s=hub.clock.monotonic_s() - hub.started_at_s,
            cpu_percent=self._meter.cpu_percent(),
            rss_bytes=resident_bytes(),
            metrics=hub.measures(),
            health=dict(health),
        )

    async def _connections(self, about: Raw) -> AsyncIterator[object]:
        """First how many there are, then those that are listed."""
        found = await find_connections(self.hub, msgspec.json.decode(about, type=ConnectionsWanted))
        yield found.total
        async for chunk in _in_chunks(found.connections):
            yield chunk

    async def _relays(self, _: Raw) -> AsyncIterator[object]:
        async for chunk in _in_chunks([] if self.relays is None else self.relays.relays()):
            yield chunk

    async def _traces(self, _: Raw) -> AsyncIterator[object]:
        """First whether traces are followed here, then the newest."""
        store = self.traces
        yield store is not None and store.is_enabled
        recent: Sequence[TraceSummary] = [] if store is None else store.recent(questions.MAX_TRACES)
        async for chunk in _in_chunks(recent):
            yield chunk

    async def _trace(self, about: Raw) -> AsyncIterator[object]:
        trace_id = msgspec.json.decode(about, type=str)
        async for chunk in _in_chunks([] if self.traces is None else self.traces.spans(trace_id)):
            yield chunk

    async def _logs(self, about: Raw) -> AsyncIterator[object]:
        wanted = msgspec.json.decode(about, type=LinesWanted)
        most = min(wanted.limit, questions.MAX_LINES)
        is_meant = wanted.node in {"", self.hub.uid, self.hub.node_info().name}
        store = self.logs if is_meant else None
        lines = [] if store is None else store.find(level=wanted.level, text=wanted.text, limit=most)
        async for chunk in _in_chunks(self.named(lines)):
            yield chunk


def node_view(node: NodeInfo, **more: Any) -> NodeView:
    """What a node announces, and what it says beyond when it is asked."""
    announced: dict[str, Any] = {
        "uid": node.uid,
        "name": node.name,
        "version": node.version,
        "uptime_s": node.uptime_s,
        "num_clients": node.num_clients,
        "num_users": node.num_users,
        "num_subs": node.num_subs,
        "num_channels": node.num_channels,
    }
    return NodeView(**(announced | more))


async def _in_chunks(items: Sequence[T]) -> AsyncIterator[Sequence[T]]:
    for chunk in _chunks(items):
        yield chunk
        await asyncio.sleep(0)


def _chunks(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), PER_CHUNK):
        yield items[start : start + PER_CHUNK]
