"""What clients say of publications they were asked about, and what is believed of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.acknowledgements import (
    EXPECTED_FOR_S,
    MAX_ANSWERS,
    MAX_ENTRIES,
    MAX_EXPECTED,
    MAX_SEND_BYTES,
    MAX_SPANS,
    acknowledgements_in,
    probability_of,
)
from hub.protocol.codes import NOT_AVAILABLE_DISCONNECT
from hub.tracing import TRACEPARENT, Kind, TraceContext, parse_context
from tests.support.tracer import RecordingTracer
from tests.unit.hub.node import OPEN, Node, hub_config

if TYPE_CHECKING:
    from tests.unit.hub.client import Client

CHANNEL = "news:1"
BROWSER_SPAN = "b" * 16


class Followed(Node):
    """A node whose publications are all followed."""

    def __init__(self) -> None:
        super().__init__(hub_config(OPEN, {"news": OPEN}))
        self.tracer = RecordingTracer()
        self.hub.tracer = self.tracer

    @property
    def counts(self) -> tuple[int, int]:
        acknowledgements = self.hub.acknowledgements
        return acknowledgements.num_accepted, acknowledgements.num_ignored

    @property
    def latencies_s(self) -> tuple[int, float]:
        histogram = self.hub.histograms["publish_to_client_s"]
        return histogram.count, histogram.total

    async def shown(self, client: Client) -> TraceContext:
        """Publish; the context that the client was shown."""
        await self.hub.publish(CHANNEL, b"{}")
        context = parse_context((await client.pushes("pub"))[-1]["tags"][TRACEPARENT])
        assert context is not None
        return context


@pytest.fixture
async def node() -> Followed:
    return Followed()


def entry(context: TraceContext, **members: Any) -> dict[str, Any]:
    """As a browser without OpenTelemetry says it."""
    return {"traceparent": context.traceparent(), "channel": CHANNEL, "held_ms": 0, **members}


async def acknowledge(client: Client, *entries: dict[str, Any]) -> None:
    await client.send({"send": {"data": {"syncline": {"ack": list(entries)}}}})
    assert client.goodbye is None


# --- what is accepted -------------------------------------------------------------------------------------------------


async def test_an_acknowledgement_measures_the_way(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    context = await node.shown(client)
    node.clock.advance(0.25)
    await acknowledge(client, entry(context, held_ms=100))
    assert node.counts == (1, 0)
    count, total_s = node.latencies_s
    assert count == 1
    assert total_s == pytest.approx(0.15, abs=0.001)  # the stamp has whole milliseconds
    span = node.tracer.one("acknowledge news")
    assert (span.kind, span.parent, span.num_ends) == (Kind.CONSUMER, context, 1)
    assert span.started_ns == span.ended_ns == pytest.approx((node.clock.now_s() - 0.1) * 1e9, abs=1e6)
    assert span.attributes["messaging.destination.name"] == CHANNEL
    assert span.attributes["syncline.held_ms"] == 100


async def test_it_is_below_the_span_of_the_browser(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    context = await node.shown(client)
    browser = context._replace(span_id=BROWSER_SPAN)
    await acknowledge(client, entry(browser, of=context.span_id))
    assert node.counts == (1, 0)
    span = node.tracer.one("acknowledge news")
    assert span.parent == browser
    assert span.attributes["syncline.publish_span_id"] == context.span_id


async def test_a_span_that_the_browser_does_not_export_is_no_parent(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    context = await node.shown(client)
    browser = context._replace(span_id=BROWSER_SPAN, is_sampled=False)
    await acknowledge(client, entry(browser, of=context.span_id))
    parent = node.tracer.one("acknowledge news").parent
    assert parent is not None
    assert parent.span_id == context.span_id


async def test_clocks_that_disagree_make_no_negative_time(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    await acknowledge(client, entry(await node.shown(client), held_ms=5_000))
    assert node.latencies_s == (1, 0.0)
    started_ns = node.tracer.one("acknowledge news").started_ns
    assert started_ns == pytest.approx(node.clock.now_s() * 1e9, abs=1e6)  # nobody stretches a trace into the past


async def test_several_in_one_message(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    await acknowledge(client, *[entry(await node.shown(client)) for _ in range(MAX_ENTRIES)])
    assert node.counts == (MAX_ENTRIES, 0)


async def test_all_are_measured_and_some_have_spans(node: Followed) -> None:
    clients = [await node.subscribed(CHANNEL) for _ in range(MAX_SPANS + 2)]
    context = await node.shown(clients[0])
    for client in clients:
        await acknowledge(client, entry(context))
    assert node.latencies_s[0] == MAX_SPANS + 2
    assert len(node.tracer.named("acknowledge news")) == MAX_SPANS


# --- what is ignored --------------------------------------------------------------------------------------------------


async def test_the_same_twice(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    context = await node.shown(client)
    await acknowledge(client, entry(context), entry(context))
    assert node.counts == (1, 1)
    assert node.latencies_s[0] == 1


async def test_of_somebody_who_is_not_subscribed(node: Followed) -> None:
    context = await node.shown(await node.subscribed(CHANNEL))
    await acknowledge(await node.connected(), entry(context))
    assert node.counts == (0, 1)


async def test_of_another_channel(node: Followed) -> None:
    client = await node.subscribed(CHANNEL, "news:2")
    await acknowledge(client, entry(await node.shown(client), channel="news:2"))
    assert node.counts == (0, 1)


async def test_of_traces_that_nobody_knows(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    context = await node.shown(client)
    stranger = context._replace(trace_id="f" * 32)
    await acknowledge(client, entry(stranger), entry(stranger, of=context.span_id), entry(context, of="f" * 16))
    await acknowledge(client, entry(context, traceparent="garbage"))
    assert node.counts == (0, 4)
    assert node.latencies_s == (0, 0.0)


async def test_what_comes_too_late(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    context = await node.shown(client)
    node.clock.advance(EXPECTED_FOR_S)
    await acknowledge(client, entry(context))
    assert node.counts == (0, 1)
    assert node.hub.acknowledgements.measures()["acks_expected"] == 0


async def test_without_a_tracer_they_are_ignored_and_no_offence(node: Followed) -> None:
    """Another node, or this one before its restart, has asked."""
    client = await node.subscribed(CHANNEL)
    context = await node.shown(client)
    node.hub.tracer = None
    elsewhere = context._replace(span_id="c" * 16)
    await acknowledge(client, entry(elsewhere))
    assert node.counts == (0, 1)


# --- floods -----------------------------------------------------------------------------------------------------------


async def test_what_is_remembered_is_bounded(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    first = await node.shown(client)
    for _ in range(MAX_EXPECTED):
        await node.hub.publish(CHANNEL, b"{}")
    assert node.hub.acknowledgements.measures()["acks_expected"] == MAX_EXPECTED
    await acknowledge(client, entry(first))
    assert node.counts == (0, 1)


async def test_answers_nobody_asked_for_are_bounded(node: Followed) -> None:
    clients = [await node.subscribed(CHANNEL) for _ in range(MAX_ANSWERS + 1)]
    context = await node.shown(clients[0])
    for client in clients:
        await acknowledge(client, entry(context))
    assert node.counts == (MAX_ANSWERS, 1)


# --- the shape --------------------------------------------------------------------------------------------------------

SHOWN = {"traceparent": "x", "channel": "c", "held_ms": 1.25}


@pytest.mark.parametrize(
    "data",
    [
        {},
        [],
        "text",
        {"syncline": {}},
        {"syncline": {"ack": {}}},
        {"syncline": {"ack": [], "more": 1}},
        {"syncline": {"ack": []}, "more": 1},
        {"syncline": {"ack": [{"traceparent": "x", "channel": "c"}]}},
        {"syncline": {"ack": [{**SHOWN, "more": 1}]}},
        {"syncline": {"ack": [{**SHOWN, "held_ms": -1}]}},
        {"syncline": {"ack": [{**SHOWN, "held_ms": 1e9}]}},
        {"syncline": {"ack": [{**SHOWN, "held_ms": "1"}]}},
        {"syncline": {"ack": [{**SHOWN, "of": "x" * 17}]}},
        {"syncline": {"ack": [SHOWN] * (MAX_ENTRIES + 1)}},
        {"syncline": {"ack": [{**SHOWN, "channel": "c" * MAX_SEND_BYTES}]}},
    ],
)
async def test_whatever_else_is_sent_ends_the_connection_as_ever(node: Followed, data: object) -> None:
    client = await node.connected()
    await client.send({"send": {"data": data}})
    assert client.goodbye is NOT_AVAILABLE_DISCONNECT


async def test_a_message_without_data_too(node: Followed) -> None:
    client = await node.connected()
    await client.send({"send": {}})
    assert client.goodbye is NOT_AVAILABLE_DISCONNECT


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_anything_can_be_read(data: bytes) -> None:
    assert acknowledgements_in(data) is None


def test_an_empty_list_is_one() -> None:
    assert acknowledgements_in(b'{"syncline":{"ack":[]}}') == []


@given(st.integers(1, 1_000_000))
def test_about_as_many_answer_as_are_wanted(num_subscribers: int) -> None:
    answers = float(probability_of(num_subscribers)) * num_subscribers
    assert answers == num_subscribers if num_subscribers <= 32 else 30 < answers < 34
