"""Whether something is followed: decided once for each unit of work, in this order.

1. What it brings itself: a sampled context is followed, as long as not too many are; an unsampled one is respected.
2. The context it happens in (`hub.tracing.CURRENT`), which somebody has decided on.
3. Chance, where nobody has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from hub.tracing import CURRENT

if TYPE_CHECKING:
    from hub.tracing import TraceContext, Tracer

T = TypeVar("T")

MAX_KNOWN: Final = 4_096
"""Spans of ours that are remembered, and parents whose publications are counted. Both matter for a moment only."""

MAX_BELOW: Final = 3
"""A request that publishes a thousand things is one trace, not a thousand and one spans: some tell the story."""


class Verdict(NamedTuple):
    """Attributes: parent: of the span that is to be made; None begins a trace."""

    is_sampled: bool
    parent: TraceContext | None = None


NO: Final = Verdict(is_sampled=False)


class Decisions:
    """Decides for one node. Event-loop thread only.

    Args:
        tracer: has the rates and the limits.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._ours: dict[str, None] = {}
        self._num_below: dict[str, int] = {}

    def decide(self, given: TraceContext | None) -> Verdict:
        """Args: given: the context that came with it, if any."""
        if given is not None:
            return Verdict(True, given) if given.is_sampled and self.follows(given) else NO
        current = CURRENT.get()
        if current is not None:
            return Verdict(current.is_sampled, current)
        return Verdict(True) if self._tracer.samples_root() else NO

    def decide_on_call(self, given: TraceContext | None) -> Verdict:
        """`decide` for an RPC. Ids of ours, which clients know from publications, do not get it past the bound.

        Of the calls of one request that is followed only so many have a span of their own.
        """
        if given is not None:
            is_followed = given.is_sampled and self._tracer.follows(given, is_stranger=True)
            return Verdict(True, given) if is_followed else NO
        verdict = self.decide(None)
        return verdict if verdict.is_sampled and self.admits_below(verdict.parent) else NO

    def follows(self, parent: TraceContext) -> bool:
        """Whether spans are made below this sampled one; below our own they always are."""
        return parent.span_id in self._ours or self._tracer.follows(parent)

    def note_ours(self, context: TraceContext) -> None:
        """A span that is made here, and that tags or messages will name as a parent."""
        _remember(self._ours, context.span_id, None)

    def admits_below(self, parent: TraceContext | None) -> bool:
        """Whether one more publication, or event of a request, has a span of its own below this parent."""
        if parent is None:
            return True
        number = self._num_below.get(parent.span_id, 0) + 1
        if number > MAX_BELOW:
            return False
        _remember(self._num_below, parent.span_id, number)
        return True

    def take_back_below(self, parent: TraceContext | None) -> None:
        """It was not published, and comes again: that must not use up the parent's allowance."""
        if parent is not None and self._num_below.get(parent.span_id, 0) > 0:
            self._num_below[parent.span_id] -= 1


def _remember(known: dict[str, T], key: str, value: T) -> None:
    known[key] = value
    if len(known) > MAX_KNOWN:
        del known[next(iter(known))]
