"""Our spans as the SDK's exporters read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from hub.tracing import Kind

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource

    from hub.tracing import TraceContext
    from observability.tracing.finished_span import FinishedSpan

_KINDS: Final = {kind: SpanKind[kind.name] for kind in Kind}

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)

_UNSET: Final = Status(StatusCode.UNSET)


class ReadableSpans:
    """Makes them, for one resource."""

    def __init__(self, resource: Resource, scope: InstrumentationScope) -> None:
        self._resource = resource
        self._scope = scope

    def make(self, span: FinishedSpan) -> ReadableSpan:
        context = span.context
        parent = context._replace(span_id=span.parent_id) if span.parent_id else None
        return ReadableSpan(
            name=span.name,
            context=_span_context(context, is_remote=False),
            # Whether the parent is of this process is not known here: a context is the same from wherever it comes.
            parent=None if parent is None else _span_context(parent, is_remote=True),
            resource=self._resource,
            attributes=span.attributes,
            links=[Link(_span_context(link, is_remote=True)) for link in span.links],
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.error) if span.error else _UNSET,
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=self._scope,
        )


def _span_context(context: TraceContext, *, is_remote: bool) -> SpanContext:
    state = TraceState.from_header([context.state]) if context.state else None
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), is_remote, _SAMPLED, state)
