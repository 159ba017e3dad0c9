"""Traces as several nodes have seen them, put together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from services.operations.views import SpanView, TraceSummary


class TraceFilter(Protocol):
    """What an operator looks for.

    Attributes:
        text: in a trace's id, name, channel, error or nodes, in any case.
        channel: whole.
        min_ms: the least duration.
    """

    @property
    def text(self) -> str: ...
    @property
    def channel(self) -> str: ...
    @property
    def errors_only(self) -> bool: ...
    @property
    def min_ms(self) -> float: ...


def merged(summaries: Iterable[TraceSummary]) -> list[TraceSummary]:
    """One summary per trace, newest first: what began first names it, and it lasts until the last end anywhere.

    The clocks of nodes differ by some milliseconds, and so may the duration; what comes of a publication names a trace
    only where nothing else does.
    """
    by_id: dict[str, TraceSummary] = {}
    for summary in summaries:
        known = by_id.get(summary.trace_id)
        by_id[summary.trace_id] = summary if known is None else _joined(known, summary)
    return sorted(by_id.values(), key=lambda summary: (summary.start_ms, summary.trace_id), reverse=True)


_CONSEQUENCES: Final = ("fan_out ", "acknowledge ")
"""How spans begin that start no trace: a part of one that has nothing else is of a node that was only told."""


def _joined(one: TraceSummary, other: TraceSummary) -> TraceSummary:
    first, second = sorted((one, other), key=lambda summary: (summary.start_ms, summary.nodes))
    is_told = first.name.startswith(_CONSEQUENCES) and not second.name.startswith(_CONSEQUENCES)
    end_ms = max(each.start_ms + each.duration_ms for each in (first, second))
    return replace(
        first,
        name=second.name if is_told else first.name,
        duration_ms=end_ms - first.start_ms,
        num_spans=first.num_spans + second.num_spans,
        nodes=sorted({*first.nodes, *second.nodes}),
        channel=first.channel or second.channel,
        num_acknowledged=first.num_acknowledged + second.num_acknowledged,
        error=first.error or second.error,
    )


def matches(summary: TraceSummary, wanted: TraceFilter) -> bool:
    if wanted.channel and summary.channel != wanted.channel:
        return False
    if wanted.errors_only and not summary.error:
        return False
    if summary.duration_ms < wanted.min_ms:
        return False
    told = (summary.trace_id, summary.name, summary.channel, summary.error, *summary.nodes)
    return not wanted.text or any(wanted.text.lower() in each.lower() for each in told)


def in_order(spans: Iterable[SpanView]) -> list[SpanView]:
    """By start; of several that start at once, the parent before its children, as far as the ids tell."""
    return sorted(spans, key=lambda span: (int(span.start_ns), span.parent_id != "", span.span_id))
