"""A span around work that waits, with everything the work does below it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.span_failures import fail
from hub.tracing import CURRENT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hub.publication_traces import PublicationTraces
    from hub.tracing import Attribute, Kind, Span, TraceContext


@contextmanager
def linked_work(
    traces: PublicationTraces, name: str, kind: Kind, links: Sequence[TraceContext], attributes: Mapping[str, Attribute]
) -> Iterator[None]:
    """A trace of its own that is followed because the linked ones are."""
    with inside(traces.tracer.start_span(name, kind, None, attributes, links=links)):
        yield


@contextmanager
def inside(span: Span) -> Iterator[Span]:
    """What happens is below the span, which ends with it."""
    token = CURRENT.set(span.context)
    try:
        yield span
    except BaseException as exc:
        fail(span, exc)
        raise
    finally:
        CURRENT.reset(token)
        span.end()
