"""What clients say of publications that are followed: that they have shown them, and how long that took them.

A node asks some 32 of the clients that it delivers to, by a tag that only the live copy has: the probability with which
each of them answers. A client answers with `send`, in one shape that nothing else has; what is in it is believed only
as far as this node remembers: a fan-out of the last minute, of a channel the client is subscribed to, once per client.

The time from publishing to showing is the publisher's wall clock against ours: it includes the way back and whatever
the clocks of two nodes differ by.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta, Struct

from hub.channels import namespace_of
from hub.tracing import Kind, parse_context

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.connection import Connection
    from hub.hub import Hub
    from hub.tracing import TraceContext

ACK_TAG: Final = "syncline-ack"
"""With which probability a client is to acknowledge a publication, as text. Never in a history."""

WANTED_ANSWERS: Final = 32
"""Per node and publication, however many clients there are."""

MAX_ANSWERS: Final = 256
"""Per node and publication that are taken; the draw is the clients' own, and so may lie."""

MAX_SPANS: Final = 8
"""Per node and publication; the histogram takes all answers."""

MAX_EXPECTED: Final = 1_024
EXPECTED_FOR_S: Final = 60.0

MAX_SEND_BYTES: Final = 16_384
"""Of a `send` that is looked at: 20 entries with the longest channel names that are usual."""

MAX_ENTRIES: Final = 20


class Shown(Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One publication that a client has shown.

    Attributes:
        traceparent: the span in which it was shown; without OpenTelemetry what the publication bore.
        held_ms: from its receipt until the acknowledgement was sent.
        of: the span id in the `traceparent` that the publication bore; "" where `traceparent` is just that.
    """

    traceparent: Annotated[str, Meta(max_length=64)]
    channel: Annotated[str, Meta(max_length=1_024)]
    held_ms: Annotated[float, Meta(ge=0, le=EXPECTED_FOR_S * 1000)]
    of: Annotated[str, Meta(max_length=16)] = ""


class _Entries(Struct, forbid_unknown_fields=True):
    ack: Annotated[list[Shown], Meta(max_length=MAX_ENTRIES)]


class _Sent(Struct, forbid_unknown_fields=True):
    syncline: _Entries


_DECODER: Final = msgspec.json.Decoder(_Sent)


def acknowledgements_in(data: bytes) -> list[Shown] | None:
    """What a client has sent, None when it is anything else. Pure."""
    if len(data) > MAX_SEND_BYTES:
        return None
    try:
        return _DECODER.decode(data).syncline.ack
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def probability_of(num_subscribers: int) -> str:
    """What the tag says, for so many subscribers on this node."""
    return "1" if num_subscribers <= WANTED_ANSWERS else f"{WANTED_ANSWERS / num_subscribers:.2g}"


class _Expected:
    """A fan-out whose acknowledgements are welcome."""

    __slots__ = ("answered", "context", "key", "num_spans", "published_ms", "until_s")

    def __init__(self, key: tuple[str, str], context: TraceContext, published_ms: int, until_s: float) -> None:
        self.key = key
        self.context = context
        self.published_ms = published_ms
        self.until_s = until_s
        self.answered: set[str] = set()
        self.num_spans = 0


class Acknowledgements:
    """Those of one node. Event-loop thread only.

    Without a tracer it expects none, and ignores what comes: clients may have been asked by another node.

    Attributes:
        num_accepted, num_ignored: entries.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._expected: dict[tuple[str, str], _Expected] = {}
        self._in_order: deque[_Expected] = deque()
        self._latency_s = hub.histograms["publish_to_client_s"]
        self.num_accepted = self.num_ignored = 0

    def measures(self) -> dict[str, float]:
        """Counters and gauges, by name; always the same names."""
        return {
            "acks_accepted": self.num_accepted,
            "acks_ignored": self.num_ignored,
            "acks_expected": len(self._in_order),
        }

    def expect(self, channel: str, context: TraceContext, published_ms: int) -> None:
        """A publication goes out that clients are asked about.

        Args:
            context: what it bears.
            published_ms: of the publisher's wall clock.
        """
        now_s = self._hub.clock.monotonic_s()
        expected = _Expected((context.span_id, channel), context, published_ms, now_s + EXPECTED_FOR_S)
        self._expected[expected.key] = expected
        self._in_order.append(expected)
        while len(self._in_order) > MAX_EXPECTED:
            self._forget_first()
        self._forget_late(now_s)

    def take(self, connection: Connection, entries: Sequence[Shown]) -> None:
        """What a client acknowledges; nothing that it says is an error."""
        self._forget_late(self._hub.clock.monotonic_s())
        for entry in entries:
            if self._take(connection, entry):
                self.num_accepted += 1
            else:
                self.num_ignored += 1

    def _take(self, connection: Connection, entry: Shown) -> bool:
        shown_in = parse_context(entry.traceparent)
        if shown_in is None or entry.channel not in connection.subscriptions:
            return False
        expected = self._expected.get((entry.of or shown_in.span_id, entry.channel))
        if expected is None or expected.context.trace_id != shown_in.trace_id:
            return False
        if connection.client_id in expected.answered or len(expected.answered) >= MAX_ANSWERS:
            return False
        expected.answered.add(connection.client_id)
        self._note(expected, entry, shown_in if shown_in.is_sampled else expected.context)
        return True

    def _note(self, expected: _Expected, entry: Shown, parent: TraceContext) -> None:
        shown_ms = max(self._hub.clock.now_s() * 1000 - entry.held_ms, expected.published_ms)
        latency_ms = shown_ms - expected.published_ms
        self._latency_s.observe(latency_ms / 1000)
        tracer = self._hub.tracer
        if tracer is None or expected.num_spans >= MAX_SPANS:
            return
        expected.num_spans += 1
        namespace = namespace_of(entry.channel)
        shown_ns = int(shown_ms * 1_000_000)  # a moment: how long it waited to be sent is no part of the event's way
        span = tracer.start_span(
            f"acknowledge {namespace}" if namespace else "acknowledge",
            Kind.CONSUMER,
            parent,
            {
                "messaging.system": "syncline",
                "messaging.destination.name": entry.channel,
                "messaging.operation.type": "settle",
                "messaging.operation.name": "acknowledge",
                "syncline.publish_to_client_ms": latency_ms,
                "syncline.held_ms": entry.held_ms,
                "syncline.publish_span_id": expected.context.span_id,  # what the browser's own span is below
            },
            started_ns=shown_ns,
        )
        span.end(shown_ns)

    def _forget_late(self, now_s: float) -> None:
        while self._in_order and self._in_order[0].until_s <= now_s:
            self._forget_first()

    def _forget_first(self) -> None:
        first = self._in_order.popleft()
        if self._expected.get(first.key) is first:
            del self._expected[first.key]
