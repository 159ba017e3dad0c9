"""A tracer that keeps what it was told, and a context to work in."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from hub.tracing import CURRENT, Kind, TraceContext

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hub.tracing import Attribute


@contextmanager
def current(context: TraceContext | None) -> Iterator[None]:
    """What runs in it belongs to `context`."""
    token = CURRENT.set(context)
    try:
        yield
    finally:
        CURRENT.reset(token)


@dataclass
class RecordedSpan:
    """Implements `hub.tracing.Span`.

    Attributes:
        num_ends: how often it was ended; once, in what is not broken.
        error: its type, "" while nothing went wrong.
    """

    name: str
    kind: Kind
    parent: TraceContext | None
    context: TraceContext
    attributes: dict[str, Attribute]
    links: Sequence[TraceContext] = ()
    started_ns: int | None = None
    ended_ns: int | None = None
    num_ends: int = 0
    error: str = ""
    detail: str = ""

    def set(self, name: str, value: Attribute) -> None:
        assert not self.num_ends, f"{self.name} has ended"
        self.attributes[name] = value

    def fail(self, error_type: str, detail: str = "") -> None:
        assert not self.num_ends, f"{self.name} has ended"
        self.error, self.detail = error_type, detail

    def end(self, at_ns: int | None = None) -> None:
        self.num_ends += 1
        self.ended_ns = at_ns


@dataclass
class RecordingTracer:
    """Implements `hub.tracing.Tracer`.

    Attributes:
        samples: whether traces that begin here are followed; each question is counted in `num_asked`.
        allowed: spans below a parent of others, before it says no.
    """

    samples: bool = True
    allowed: int = 1_000_000
    num_asked: int = 0
    num_strangers: int = 0
    spans: list[RecordedSpan] = field(default_factory=list)
    numbers: count[int] = field(default_factory=lambda: count(1))

    def samples_root(self) -> bool:
        self.num_asked += 1
        return self.samples

    def follows(self, parent: TraceContext, *, is_stranger: bool = False) -> bool:
        assert parent.is_sampled, "asked about what nobody follows"
        self.num_strangers += is_stranger
        self.allowed -= 1
        return self.allowed >= 0

    def start_span(
        self,
        name: str,
        kind: Kind,
        parent: TraceContext | None,
        attributes: Mapping[str, Attribute],
        *,
        started_ns: int | None = None,
        links: Sequence[TraceContext] = (),
    ) -> RecordedSpan:
        number = next(self.numbers)
        trace_id = f"{number:032x}" if parent is None else parent.trace_id
        context = TraceContext(trace_id, f"{number:016x}", True, "" if parent is None else parent.state)
        span = RecordedSpan(name, kind, parent, context, dict(attributes), links, started_ns)
        self.spans.append(span)
        return span

    def named(self, name: str) -> list[RecordedSpan]:
        return [span for span in self.spans if span.name == name]

    def one(self, name: str) -> RecordedSpan:
        (span,) = self.named(name)
        return span

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]
