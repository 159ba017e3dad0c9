"""A span around work that waits, with everything the work does below it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from hub.publication_traces import fail
from hub.tracing import CURRENT, UNSAMPLED, Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from hub.publication_traces import PublicationTraces
    from hub.tracing import Attribute, Span, TraceContext


@contextmanager
def decided_work(
    traces: PublicationTraces,
    name: str,
    kind: Kind,
    given: TraceContext | None,
    attributes: Mapping[str, Attribute],
) -> Iterator[None]:
    """Decide here, for everything inside: it is below one span, or it begins no trace.

    Args:
        name: of a closed set.
        given: the context that came with the work.
    """
    verdict = traces.decisions.decide(given)
    if verdict.is_sampled:
        span = traces.tracer.start_span(name, kind, verdict.parent, attributes)
        with inside(span):
            yield
        return
    token = CURRENT.set(UNSAMPLED)
    try:
        yield
    finally:
        CURRENT.reset(token)


@contextmanager
def linked_work(
    traces: PublicationTraces, name: str, kind: Kind, links: Sequence[TraceContext], attributes: Mapping[str, Attribute]
) -> Iterator[None]:
    """A trace of its own that is followed because the linked ones are."""
    with inside(traces.tracer.start_span(name, kind, None, attributes, links=links)):
        yield


@contextmanager
def inside(span: Span) -> Iterator[None]:
    """What happens is below the span, which ends with it."""
    token = CURRENT.set(span.context)
    try:
        yield
    except BaseException as exc:
        fail(span, exc)
        raise
    finally:
        CURRENT.reset(token)
        span.end()
