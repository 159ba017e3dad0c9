"""What operators look at: two nodes on one Redis, one of them with REST; lines and traces are as the test says."""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from composition.operations import NodeOperations
from hub.engines.redis.config import Address, RedisConfig
from hub.supervisor import Supervisor
from services.operations.views import LogLine, SpanView, TraceSummary
from tests.support.cluster import LocalNode, local_node, new_prefix
from tests.support.local_server import HOST, hub_config
from tests.support.patience import eventually
from tests.support.rest_node import CHANNELS, NODE_NAME, RestNode, rest_node

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from services.operations.views import RelayView
    from storage.config import StorageConfig

OTHER_NAME = "node-b"


class KnownLines:
    """Implements services.operations.ports.LogStore: what the test has written."""

    def __init__(self) -> None:
        self.lines: list[LogLine] = []
        self.new: list[LogLine] = []
        self.num_dropped = 0

    def write(self, event: str, at_ms: int = 1_000, **changes: Any) -> LogLine:
        values: dict[str, Any] = {"level": "info", "logger": "tests", "trace_id": "", "session": "", "fields": {}}
        line = LogLine(at_ms=at_ms, event=event, **(values | changes))
        self.lines.append(line)
        self.new.append(line)
        return line

    def find(self, *, level: str, text: str, limit: int) -> list[LogLine]:
        found = [line for line in reversed(self.lines) if level in {"", line.level} and text in line.event]
        return found[:limit]

    def take_new(self) -> tuple[list[LogLine], int]:
        taken, self.new = self.new, []
        dropped, self.num_dropped = self.num_dropped, 0
        return taken, dropped


class KnownTraces:
    """Implements services.operations.ports.TraceStore: what the test has followed."""

    is_enabled = True

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self.summaries: list[TraceSummary] = []
        self.changed: list[TraceSummary] = []
        self.known_spans: list[SpanView] = []

    def follow(self, trace_id: str, start_ms: int = 1_000, **changes: Any) -> TraceSummary:
        values: dict[str, Any] = {"duration_ms": 5.0, "num_spans": 1, "channel": "", "num_acknowledged": 0, "error": ""}
        values |= {"name": "publish news", "nodes": [self._node_name]}
        summary = TraceSummary(trace_id=trace_id, start_ms=start_ms, **(values | changes))
        self.summaries.append(summary)
        self.changed.append(summary)
        self.known_spans.append(self._span(trace_id, start_ms))
        return summary

    def _span(self, trace_id: str, start_ms: int) -> SpanView:
        return SpanView(
            trace_id=trace_id,
            span_id=f"{len(self.known_spans) + 1:016x}",
            parent_id="",
            name="publish news",
            kind="producer",
            node=self._node_name,
            node_name=self._node_name,
            start_ns=str(start_ms * 1_000_000),
            end_ns=str((start_ms + 5) * 1_000_000),
            error="",
            attributes={"syncline.subscribers": 1},
        )

    def recent(self, limit: int) -> list[TraceSummary]:
        return self.summaries[::-1][:limit]

    def spans(self, trace_id: str) -> list[SpanView]:
        return [span for span in self.known_spans if span.trace_id == trace_id]

    def take_changed(self) -> list[TraceSummary]:
        taken, self.changed = self.changed, []
        return taken


class NoRelays:
    """A node without sources, outbox and sinks."""

    def relays(self) -> list[RelayView]:
        return []


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoNodes:
    """Node a answers REST; node b has no accounts, and connections with tokens of a backend."""

    a: RestNode
    b: LocalNode
    lines_of_a: KnownLines
    lines_of_b: KnownLines
    traces_of_a: KnownTraces
    traces_of_b: KnownTraces
    operations_of_b: NodeOperations


@asynccontextmanager
async def two_nodes(storage: StorageConfig, redis_port: int) -> AsyncIterator[TwoNodes]:
    """They know each other."""
    prefix = new_prefix()
    lines, traces = (KnownLines(), KnownLines()), (KnownTraces(NODE_NAME), KnownTraces(OTHER_NAME))
    redis = RedisConfig(addresses=(Address(HOST, redis_port),), prefix=prefix)
    config = replace(hub_config(), channel=CHANNELS, node_name=OTHER_NAME)
    async with AsyncExitStack() as stack:
        a = await stack.enter_async_context(rest_node(storage, redis=redis, lines=lines[0], traces=traces[0]))
        b = await stack.enter_async_context(local_node(redis_port, prefix, config))
        of_b = NodeOperations(b.hub, lambda: 0.0, relays=NoRelays(), logs=lines[1], traces=traces[1])
        supervisor = await stack.enter_async_context(Supervisor())
        for name, work in of_b.tasks():
            supervisor.start(name, work)

        async def is_known() -> bool:
            return len(await a.hub.engine.nodes()) == 2

        await eventually(is_known)
        yield TwoNodes(
            a=a,
            b=b,
            lines_of_a=lines[0],
            lines_of_b=lines[1],
            traces_of_a=traces[0],
            traces_of_b=traces[1],
            operations_of_b=of_b,
        )
