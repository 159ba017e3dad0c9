"""The last traces of this node, for the console: as services.operations.ports.TraceStore. Needs no collector.

Bounded in traces, in spans of one and in bytes altogether; the oldest trace goes first. Event-loop thread only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from services.operations.views import SpanView, TraceSummary

if TYPE_CHECKING:
    from observability.tracing.finished_span import FinishedSpan

MAX_SPANS: Final = 200
"""Of one trace; the others are counted in it and not kept, but for what it began with."""

MAX_BYTES: Final = 8 * 1024 * 1024
"""Of all of them, as estimated here."""

MAX_CHANGED: Final = 200
"""Summaries told at once; older ones are left out, which a list of the traces has all the same."""

_ACKNOWLEDGE: Final = "acknowledge"
_CHANNEL: Final = "messaging.destination.name"


class _Trace:
    """What is known of one trace."""

    __slots__ = (
        "channel",
        "end_ns",
        "error",
        "first_ns",
        "name",
        "num_acknowledged",
        "num_bytes",
        "num_spans",
        "spans",
    )

    def __init__(self, span: FinishedSpan) -> None:
        self.spans: list[FinishedSpan] = []
        self.num_spans = 0
        self.num_bytes = 0
        self.num_acknowledged = 0
        self.first_ns = span.start_ns
        self.end_ns = span.end_ns
        self.name = span.name
        self.channel = ""
        self.error = ""

    def add(self, span: FinishedSpan) -> int:
        """The bytes that it takes; none when it is only counted.

        What began before all others has a place whatever has ended before it: it is what they are below.
        """
        is_first = span.start_ns < self.first_ns
        self.num_spans += 1
        self._note(span)
        num_bytes = span.num_bytes()
        if len(self.spans) >= MAX_SPANS:
            if not is_first:
                return 0
            num_bytes -= self.spans.pop().num_bytes()
        self.spans.append(span)
        self.num_bytes += num_bytes
        return num_bytes

    def _note(self, span: FinishedSpan) -> None:
        if span.start_ns < self.first_ns:
            self.first_ns, self.name = span.start_ns, span.name
        self.end_ns = max(self.end_ns, span.end_ns)
        self.num_acknowledged += span.name.partition(" ")[0] == _ACKNOWLEDGE
        self.error = self.error or span.error
        self.channel = self.channel or _published_channel(span)

    def summary(self, trace_id: str, node_name: str) -> TraceSummary:
        return TraceSummary(
            trace_id=trace_id,
            name=self.name,
            start_ms=self.first_ns // 1_000_000,
            duration_ms=round((self.end_ns - self.first_ns) / 1e6, 3),
            num_spans=self.num_spans,
            nodes=[node_name],
            channel=self.channel,
            num_acknowledged=self.num_acknowledged,
            error=self.error,
        )


class TraceMemory:
    """As services.operations.ports.TraceStore.

    Args:
        keep_traces: how many; 0 keeps none.
    """

    is_enabled = True

    def __init__(self, keep_traces: int, node_uid: str, node_name: str) -> None:
        self._keep_traces = keep_traces
        self._node_uid = node_uid
        self._node_name = node_name
        self._traces: dict[str, _Trace] = {}
        self._changed: dict[str, None] = {}
        self._num_bytes = 0

    def measures(self) -> dict[str, float]:
        return {"traces_kept": len(self._traces), "traces_kept_bytes": self._num_bytes}

    def add(self, span: FinishedSpan) -> None:
        """One has ended."""
        if not self._keep_traces:
            return
        trace_id = span.context.trace_id
        trace = self._traces.get(trace_id)
        if trace is None:
            trace = self._traces[trace_id] = _Trace(span)
        self._num_bytes += trace.add(span)
        self._changed.pop(trace_id, None)
        self._changed[trace_id] = None
        while len(self._traces) > self._keep_traces or self._num_bytes > MAX_BYTES:
            self._forget_oldest()

    def recent(self, limit: int) -> list[TraceSummary]:
        newest = [*reversed(self._traces)][: max(0, limit)]
        return [self._summary(trace_id) for trace_id in newest]

    def spans(self, trace_id: str) -> list[SpanView]:
        trace = self._traces.get(trace_id)
        spans = [] if trace is None else sorted(trace.spans, key=lambda span: span.start_ns)
        return [self._view(span) for span in spans]

    def take_changed(self) -> list[TraceSummary]:
        changed = [*self._changed][-MAX_CHANGED:]
        self._changed.clear()
        return [self._summary(trace_id) for trace_id in changed]

    def _summary(self, trace_id: str) -> TraceSummary:
        return self._traces[trace_id].summary(trace_id, self._node_name)

    def _view(self, span: FinishedSpan) -> SpanView:
        return SpanView(
            trace_id=span.context.trace_id,
            span_id=span.context.span_id,
            parent_id=span.parent_id,
            name=span.name,
            kind=span.kind.value,
            node=self._node_uid,
            node_name=self._node_name,
            start_ns=str(span.start_ns),
            end_ns=str(span.end_ns),
            error=span.error,
            attributes=span.attributes,
            links=[link.trace_id for link in span.links],
        )

    def _forget_oldest(self) -> None:
        trace_id = next(iter(self._traces))
        self._num_bytes -= self._traces.pop(trace_id).num_bytes
        self._changed.pop(trace_id, None)


def _published_channel(span: FinishedSpan) -> str:
    """The channel, where it is one of ours: a relay's span names a queue."""
    is_ours = span.attributes.get("messaging.system") == "syncline"
    return str(span.attributes.get(_CHANNEL, "")) if is_ours else ""
