"""The port `hub.tracing.Tracer`. A span is an object of ours until it has ended; only then it becomes the SDK's.

The SDK's own tracer costs 16 µs a span when it runs all the time, and several times that when one request in a hundred
needs it and nothing of it is in the processor's caches: more than the 5 % that tracing may cost. What it would add,
samplers, limits and processors, is decided here before or after (docs/adr/0040-tracing.md). Nothing is ever attached
to OpenTelemetry's context: a span that stays current across an await would be the parent of what has nothing to do with
it (opentelemetry-python#2606).
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Final

from hub.tracing import TraceContext
from observability.tracing.attributes import told_attributes, told_text
from observability.tracing.finished_span import FinishedSpan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from hub.clock import Clock
    from hub.tracing import Attribute, Kind
    from observability.tracing.sampling import Sampling

    Finish = Callable[[FinishedSpan], None]

_TRACE_ID_BITS: Final = 128
_SPAN_ID_BITS: Final = 64


class OtelSpan:
    """One span, as hub.tracing.Span."""

    __slots__ = (
        "_attributes",
        "_error",
        "_kind",
        "_links",
        "_name",
        "_parent_id",
        "_start_ns",
        "_tracer",
        "context",
    )

    def __init__(
        self, tracer: OtelTracer, name: str, kind: Kind, parent: TraceContext | None, start_ns: int | None
    ) -> None:
        if parent is None:
            self.context = TraceContext(_new_id(_TRACE_ID_BITS), _new_id(_SPAN_ID_BITS))
            self._parent_id = ""
        else:
            self.context = TraceContext(parent.trace_id, _new_id(_SPAN_ID_BITS), is_sampled=True, state=parent.state)
            self._parent_id = parent.span_id
        self._tracer: OtelTracer | None = tracer
        self._name = name
        self._kind = kind
        self._start_ns = tracer.now_ns() if start_ns is None else start_ns
        self._error = ""

    def begin(self, attributes: Mapping[str, Attribute], links: Sequence[TraceContext]) -> None:
        self._attributes = dict(attributes)
        self._links = links

    def set(self, name: str, value: Attribute) -> None:
        self._attributes[name] = value

    def fail(self, error_type: str, detail: str = "") -> None:
        self._attributes["error.type"] = error_type
        self._error = f"{error_type}: {detail}" if detail else error_type

    def end(self, at_ns: int | None = None) -> None:
        tracer, self._tracer = self._tracer, None
        if tracer is None:
            return
        end_ns = tracer.now_ns() if at_ns is None else at_ns
        tracer.finish(
            FinishedSpan(
                context=self.context,
                parent_id=self._parent_id,
                name=self._name,
                kind=self._kind,
                start_ns=self._start_ns,
                # The wall clock may step back, and a span has no negative length.
                end_ns=max(self._start_ns, end_ns),
                error=told_text(self._error) if self._error else "",
                attributes=told_attributes(self._attributes),
                links=tuple(self._links),
            )
        )


class OtelTracer:
    """As hub.tracing.Tracer. Event-loop thread.

    Args:
        finish: gets every span when it has ended.
    """

    def __init__(self, sampling: Sampling, clock: Clock, finish: Finish) -> None:
        self.finish = finish
        self._clock = clock
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
        span = OtelSpan(self, name, kind, parent, started_ns)
        span.begin(attributes, links)
        return span

    def now_ns(self) -> int:
        """Of the wall clock. A float of today's seconds tells microseconds, not nanoseconds."""
        return round(self._clock.now_s() * 1e6) * 1_000

    def measures(self) -> dict[str, float]:
        return {
            "spans_started": self.num_started,
            "trace_roots_refused": self._sampling.roots.num_refused,
            "trace_parents_refused": self._sampling.followed.num_refused + self._sampling.strangers.num_refused,
        }


def _new_id(num_bits: int) -> str:
    """Hexadecimal and never 0, which stands for no id."""
    number = random.getrandbits(num_bits) or 1
    return f"{number:0{num_bits // 4}x}"
