"""Spans of messages, "process {consumer}": from their routing to their acknowledgement.

What a message becomes is below its span: the span's context goes on in the tags of its deliveries, because the intake
mixes the messages of a batch. A message is followed when it bears a sampled context, and when it bears none by chance;
one of a request that is followed is a part of that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from msgspec import UNSET
from msgspec.structs import replace

from hub.publication_traces import without_context
from hub.relay.rejection import Rejected
from hub.span_failures import fail
from hub.trace_decisions import NO, Verdict
from hub.tracing import CURRENT, TRACEPARENT, TRACESTATE, Kind, parse_context

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence
    from types import TracebackType

    from hub.publication_traces import PublicationTraces
    from hub.relay.delivery import Delivery
    from hub.tracing import Span, TraceContext

    Outcome = list[Delivery] | Rejected
    Verdicts = list[Rejected | None]
    Accept = Callable[[Sequence[Sequence[Delivery]]], Awaitable[Verdicts]]


class MessageTraces:
    """The messages of one batch; leave the block when they are acknowledged.

    Args:
        traces: None: nothing is followed, and nothing here does anything.
        system: OpenTelemetry's `messaging.system`.
        consumer: as it is configured.
        is_request: the batch came with a request, for which it is decided already whether a trace begins.
    """

    def __init__(
        self, traces: PublicationTraces | None, system: str, consumer: str, *, is_request: bool = False
    ) -> None:
        self._traces = traces
        self._system = system
        self._consumer = consumer
        self._is_request = is_request
        self._spans: list[Span | None] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for span in self._spans:
            if span is not None:
                if exc is not None:
                    fail(span, exc)
                span.end()

    def begin(self, outcome: Outcome, destination: str, headers: Callable[[], Mapping[str, object]]) -> Outcome:
        """A message that has been routed, with its deliveries as they are to be handed over.

        Args:
            destination: where it was taken from.
            headers: where the context of one that could not be routed is.
        """
        if self._traces is None:
            return outcome
        span = self._begin(self._traces, destination, _context_of(outcome, headers))
        if isinstance(outcome, Rejected):
            if span is not None:
                span.fail(outcome.reason)
                span.end()
            return outcome
        self._spans.append(span)
        return outcome if span is None else [_below(span.context, delivery) for delivery in outcome]

    def accepting(self, accept: Accept) -> Accept:
        """`Intake.accept` or `accept_patiently`, for all that was routed, in order; whoever is rejected has failed."""
        return accept if self._traces is None else lambda batch: self._accept(accept, batch)

    async def _accept(self, accept: Accept, batch: Sequence[Sequence[Delivery]]) -> Verdicts:
        verdicts = await accept(batch)
        for span, verdict in zip(self._spans, verdicts, strict=True):
            if span is not None and verdict is not None:
                span.fail(verdict.reason)
        return verdicts

    def _begin(self, traces: PublicationTraces, destination: str, given: TraceContext | None) -> Span | None:
        verdict = self._decide(traces, given)
        if not verdict.is_sampled:
            return None
        attributes = {
            "messaging.system": self._system,
            "messaging.destination.name": destination,
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
        }
        span = traces.tracer.start_span(f"process {self._consumer}", Kind.CONSUMER, verdict.parent, attributes)
        traces.decisions.note_ours(span.context)
        return span

    def _decide(self, traces: PublicationTraces, given: TraceContext | None) -> Verdict:
        if self._is_request:
            current = CURRENT.get()
            if current is not None and current.is_sampled:
                return Verdict(traces.decisions.admits_below(current), current)
            return traces.decisions.decide(given)
        if given is None:
            return Verdict(True) if traces.tracer.samples_root() else NO
        return traces.decisions.decide(given)


def _context_of(outcome: Outcome, headers: Callable[[], Mapping[str, object]]) -> TraceContext | None:
    if not isinstance(outcome, Rejected) and outcome:
        return outcome[0].trace
    found = headers()
    traceparent, tracestate = found.get(TRACEPARENT), found.get(TRACESTATE)
    if not isinstance(traceparent, str):
        return None
    return parse_context(traceparent, tracestate if isinstance(tracestate, str) else None)


def _below(context: TraceContext, delivery: Delivery) -> Delivery:
    tags = {} if delivery.tags is UNSET else without_context(delivery.tags)
    tags[TRACEPARENT] = context.traceparent()
    if context.state:
        tags[TRACESTATE] = context.state
    return replace(delivery, tags=tags)
