"""The port `hub.tracing.Tracer`: the SDK's spans, below a parent that is always named.

Nothing is attached to OpenTelemetry's own context: a span that stays current across an await of another task would be
the parent of what has nothing to do with it (opentelemetry-python#2606).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)

from hub.tracing import Kind, TraceContext
from observability.tracing.attributes import told_attributes, told_text
from observability.tracing.memory import FinishedSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.trace import Tracer as SdkTracer

    from hub.clock import Clock
    from hub.tracing import Attribute
    from observability.tracing.sampling import Sampling

    Finish = Callable[[FinishedSpan], None]

_KINDS: Final = {kind: SpanKind[kind.name] for kind in Kind}

_SAMPLED: Final = TraceFlags(TraceFlags.SAMPLED)

_NOWHERE: Final = Context()

_NO_CONTEXTS: Final[tuple[TraceContext, ...]] = ()


class OtelSpan:
    """One span, as hub.tracing.Span. Its attributes reach the SDK when it ends, masked."""

    __slots__ = (
        "_attributes",
        "_clock",
        "_error",
        "_finish",
        "_kind",
        "_links",
        "_parent_id",
        "_sdk",
        "_start_ns",
        "context",
    )

    def __init__(self, sdk: SdkSpan, kind: Kind, parent: TraceContext | None, clock: Clock, finish: Finish) -> None:
        made = sdk.get_span_context()
        state = "" if parent is None else parent.state
        self.context = TraceContext(f"{made.trace_id:032x}", f"{made.span_id:016x}", is_sampled=True, state=state)
        self._sdk: SdkSpan | None = sdk
        self._kind = kind
        self._parent_id = "" if parent is None else parent.span_id
        self._clock = clock
        self._finish = finish
        self._start_ns = sdk.start_time or 0
        self._attributes: dict[str, Attribute] = {}
        self._error = ""
        self._links = _NO_CONTEXTS

    def begin(self, attributes: Mapping[str, Attribute], links: tuple[TraceContext, ...]) -> None:
        self._attributes.update(attributes)
        self._links = links

    def set(self, name: str, value: Attribute) -> None:
        self._attributes[name] = value

    def fail(self, error_type: str, detail: str = "") -> None:
        self._attributes["error.type"] = error_type
        self._error = told_text(f"{error_type}: {detail}" if detail else error_type)

    def end(self, at_ns: int | None = None) -> None:
        sdk, self._sdk = self._sdk, None
        if sdk is None:
            return
        attributes = told_attributes(self._attributes)
        sdk.set_attributes(attributes)
        if self._error:
            sdk.set_status(Status(StatusCode.ERROR, self._error))
        # The wall clock may step back, and a span has no negative length.
        end_ns = max(self._start_ns, _now_ns(self._clock) if at_ns is None else at_ns)
        sdk.end(end_ns)
        self._finish(self._finished(sdk.name, end_ns, attributes))

    def _finished(self, name: str, end_ns: int, attributes: dict[str, Attribute]) -> FinishedSpan:
        return FinishedSpan(
            context=self.context,
            parent_id=self._parent_id,
            name=name,
            kind=self._kind,
            start_ns=self._start_ns,
            end_ns=end_ns,
            error=self._error,
            attributes=attributes,
            links=self._links,
        )


class OtelTracer:
    """As hub.tracing.Tracer. Event-loop thread.

    Args:
        sdk: of a provider that samples everything: what is not to be followed never gets here.
        finish: gets every span when it has ended.
    """

    def __init__(self, sdk: SdkTracer, sampling: Sampling, clock: Clock, finish: Finish) -> None:
        self._sdk = sdk
        self._clock = clock
        self._finish = finish
        self._sampling = sampling
        self.samples_root = sampling.samples_root  # by itself: it is asked for every publication
        self.follows = sampling.follows
        self.num_started = 0

    def start_span(
        self,
        name: str,
        kind: Kind,
        parent: TraceContext | None,
        attributes: Mapping[str, Attribute],
        *,
        started_ns: int | None = None,
        links: Sequence[TraceContext] = (),
    ) -> OtelSpan:
        self.num_started += 1
        sdk = self._sdk.start_span(
            name,
            _NOWHERE if parent is None else _below(parent),
            _KINDS[kind],
            links=[Link(_span_context(link)) for link in links],
            start_time=_now_ns(self._clock) if started_ns is None else started_ns,
        )
        assert isinstance(sdk, SdkSpan), "everything is sampled that gets here"
        span = OtelSpan(sdk, kind, parent, self._clock, self._finish)
        span.begin(attributes, tuple(links))
        return span

    def measures(self) -> dict[str, float]:
        return {
            "spans_started": self.num_started,
            "trace_roots_refused": self._sampling.roots.num_refused,
            "trace_parents_refused": self._sampling.followed.num_refused,
        }


def _below(parent: TraceContext) -> Context:
    return set_span_in_context(NonRecordingSpan(_span_context(parent)), _NOWHERE)


def _span_context(context: TraceContext) -> SpanContext:
    state = TraceState.from_header([context.state]) if context.state else None
    return SpanContext(int(context.trace_id, 16), int(context.span_id, 16), True, _SAMPLED, state)


def _now_ns(clock: Clock) -> int:
    return round(clock.now_s() * 1e6) * 1_000  # a float of today's seconds tells microseconds, not nanoseconds
