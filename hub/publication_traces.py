"""Publications that are followed, from their publisher to the last subscriber of each node.

"publish {namespace}"      from the checked publication to the engine's answer. Its context leaves with the publication,
                           in the tags `traceparent` and `tracestate`, so history, other nodes and clients have it too.
"fan_out {namespace}"      on each node with subscribers: from the engine's word to the last write.
"acknowledge {namespace}"  see hub.acknowledgements, which is told of each fan-out.

A publication that is not followed costs a look at a context variable and, where nobody has decided, a countdown.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from hub.acknowledgements import ACK_TAG, probability_of
from hub.channels import namespace_of
from hub.engine import CalledByName
from hub.protocol.messages import Publication
from hub.span_failures import fail
from hub.trace_decisions import Decisions, Verdict
from hub.trace_stamp import published_ms_in, stamped
from hub.traced_work import inside
from hub.tracing import CURRENT, TRACEPARENT, TRACESTATE, Kind, parse_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from msgspec import UnsetType

    from hub.engine import PublishOutcome
    from hub.hub import Hub
    from hub.publishing import Prepared
    from hub.subscriptions import LiveChannel
    from hub.tracing import Attribute, Span, TraceContext, Tracer

    Tags = dict[str, str] | UnsetType

SYSTEM: Final = "syncline"
"""`messaging.system` of what travels through the hub itself."""

MAX_STAMP_AGE_MS: Final = 60_000
"""What has been published longer ago, or is to be, as its stamp says: nobody is asked when it was shown."""

_OF_TRACES: Final = frozenset({TRACEPARENT, TRACESTATE})


class PublicationTraces:
    """Makes the spans of publications. Event-loop thread only; nothing here waits or fails.

    Attributes:
        decisions: which are followed. Whoever makes spans whose contexts travel in tags tells it of them.
    """

    def __init__(self, hub: Hub, tracer: Tracer) -> None:
        self.tracer = tracer
        self.decisions = Decisions(tracer)
        self._hub = hub
        engine = hub.engine
        self._engine = engine if isinstance(engine, CalledByName) else None

    @contextmanager
    def always(self, name: str, **attributes: Attribute) -> Iterator[Span]:
        """A span around something that is followed whatever chance says: an operator's test publication.

        What is published inside is below it; `span.context.trace_id` is what to look for.

        Args:
            name: of a closed set.
        """
        current = CURRENT.get()
        parent = current if current is not None and current.is_sampled else None
        with inside(self.tracer.start_span(name, Kind.INTERNAL, parent, attributes)) as span:
            yield span

    # --- publishing -------------------------------------------------------------------------------------------------

    def begin(self, channel: str, publication: Publication) -> Sending | None:
        """Decide on a publication that is about to be handed to the engine; None: it is not followed.

        A followed one bears the context of its span from here on, instead of what its publisher wrote there. Hot.
        """
        tags = publication.tags
        if tags is UNSET or TRACEPARENT not in tags:
            current = CURRENT.get()
            if current is None:
                if not self.tracer.samples_root():
                    return None
            elif not current.is_sampled:
                return None
            verdict = Verdict(True, current)
        else:
            verdict = self.decisions.decide(parse_context(tags[TRACEPARENT], tags.get(TRACESTATE)))
            if not verdict.is_sampled:
                return None
        if self.decisions.admits_below(verdict.parent):
            return self._begin(channel, publication, verdict.parent)
        publication.tags = _without_context(tags)
        return None

    def begin_all(self, channel: str, prepared: Sequence[Prepared]) -> list[Sending] | None:
        """`begin` for those of a batch; None when none of them is followed."""
        current = CURRENT.get()
        if current is not None and not current.is_sampled:  # then those alone that say otherwise themselves
            asked = [each for each, _ in prepared if each.tags is not UNSET]
        else:
            asked = [each for each, _ in prepared]
        found = [sending for each in asked if (sending := self.begin(channel, each)) is not None]
        return found or None

    @contextmanager
    def sending(self, sendings: Sequence[Sending]) -> Iterator[None]:
        """Around the engine's call; its own work is below the first of them. They end with it."""
        first = sendings[0].span.context
        token = CURRENT.set(first)
        call = self._begin_call(first)
        try:
            yield
        except BaseException as exc:
            if call is not None:
                fail(call, exc)
            for sending in sendings:
                fail(sending.span, exc)
                self.decisions.take_back_below(sending.parent)
            raise
        finally:
            CURRENT.reset(token)
            if call is not None:
                call.end()
            for sending in sendings:
                sending.span.end()

    def _begin(self, channel: str, publication: Publication, parent: TraceContext | None) -> Sending:
        namespace = namespace_of(channel)
        attributes = _attributes(channel, namespace, "send", "publish")
        span = self.tracer.start_span(named("publish", namespace), Kind.PRODUCER, parent, attributes)
        context = span.context
        self.decisions.note_ours(context)
        tags = publication.tags
        publication.tags = {
            **({} if tags is UNSET else tags),
            TRACEPARENT: context.traceparent(),
            TRACESTATE: stamped(context.state, int(self._hub.clock.now_s() * 1000)),
        }
        return Sending(publication, span, parent)

    def _begin_call(self, parent: TraceContext) -> Span | None:
        engine = self._engine
        if engine is None:
            return None
        attributes: dict[str, Attribute] = {
            "db.system.name": engine.system_name,
            "db.operation.name": engine.publish_command,
        }
        return self.tracer.start_span(f"{engine.system_name} {engine.publish_command}", Kind.CLIENT, parent, attributes)

    # --- fan-out ----------------------------------------------------------------------------------------------------

    def arriving(self, live: LiveChannel, publication: Publication) -> Publication:
        """The publication as this node's live subscribers are to see it; the one that is kept stays as it is.

        Asked before anything of it is handed to them, and only for those that have tags.
        """
        tags = publication.tags
        if tags is UNSET or TRACEPARENT not in tags:
            return publication
        parent = parse_context(tags[TRACEPARENT], tags.get(TRACESTATE))
        if parent is None or not parent.is_sampled or not self.decisions.follows(parent):
            return publication
        num_subscribers = sum(len(audience.members) for audience in live.audiences.values())
        self._begin_fan_out(live, parent, publication.offset, num_subscribers)
        published_ms = published_ms_in(parent.state)
        if published_ms is None or not num_subscribers or not self._is_recent(published_ms):
            return publication
        self._hub.acknowledgements.expect(live.name, parent, published_ms)
        asking = {**tags, ACK_TAG: probability_of(num_subscribers)}
        return Publication(publication.data, publication.info, publication.offset, asking)

    def _is_recent(self, published_ms: int) -> bool:
        """A stamp of another system, or of a clock that is far off, would be measured as somebody's latency."""
        return abs(self._hub.clock.now_s() * 1000 - published_ms) <= MAX_STAMP_AGE_MS

    def _begin_fan_out(self, live: LiveChannel, parent: TraceContext, offset: int, num_subscribers: int) -> None:
        namespace = namespace_of(live.name)
        attributes = _attributes(live.name, namespace, "process", "fan_out")
        attributes["messaging.batch.message_count"] = 1
        attributes["syncline.subscribers"] = num_subscribers
        if offset:
            attributes["syncline.offset"] = offset
        span = self.tracer.start_span(named("fan_out", namespace), Kind.INTERNAL, parent, attributes)
        fan_out = self._hub.fan_out
        fan_out.mark(partial(self._end_fan_out, span, fan_out.writes))

    def _end_fan_out(self, span: Span, writes_before: int) -> None:
        """Everything that this publication became has been written, or held back."""
        fan_out = self._hub.fan_out
        span.set("syncline.writes", fan_out.writes - writes_before)
        span.set("syncline.congested", len(fan_out.congested))
        span.end()


class Sending:
    """A publication that is followed, on its way to the engine."""

    __slots__ = ("parent", "publication", "span")

    def __init__(self, publication: Publication, span: Span, parent: TraceContext | None) -> None:
        self.publication = publication
        self.span = span
        self.parent = parent

    def accepted(self, outcome: PublishOutcome) -> None:
        """What the engine has said to it."""
        if outcome.is_suppressed:
            self.span.set("syncline.suppressed", True)
        if outcome.position is not None:
            self.span.set("syncline.offset", outcome.position.offset)


def named(operation: str, namespace: str) -> str:
    """Of a span: a closed set, because namespaces are configured."""
    return f"{operation} {namespace}" if namespace else operation


def without_context(tags: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if name not in _OF_TRACES}


def _without_context(tags: Tags) -> Tags:
    return UNSET if tags is UNSET else without_context(tags) or UNSET


def _attributes(channel: str, namespace: str, kind: str, operation: str) -> dict[str, Attribute]:
    attributes: dict[str, Attribute] = {
        "messaging.system": SYSTEM,
        "messaging.destination.name": channel,
        "messaging.operation.type": kind,
        "messaging.operation.name": operation,
    }
    if namespace:
        attributes["messaging.destination.template"] = namespace
    return attributes
