"""What is followed of publications, and what leaves with them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import Raw

from hub.acknowledgements import ACK_TAG, WANTED_ANSWERS
from hub.config import ChannelOptions
from hub.engine import PublishOptions, PublishOutcome
from hub.engines.memory import MemoryEngine
from hub.errors import EngineUnavailable
from hub.fan_out import WRITES_PER_SLICE
from hub.protocol.messages import Publication
from hub.publishing import How, Item
from hub.trace_decisions import MAX_BELOW
from hub.trace_stamp import published_ms_in, stamped
from hub.tracing import CURRENT, TRACEPARENT, TRACESTATE, UNSAMPLED, Kind, TraceContext, parse_context
from tests.support.tracer import RecordedSpan, RecordingTracer, current
from tests.unit.hub.node import OPEN, Node, hub_config
from tests.unit.hub.virtual_time import idle, virtual_loop

KEPT = ChannelOptions(
    history_size=1_000, history_ttl_s=60, allow_subscribe_for_client=True, allow_subscribe_for_anonymous=True
)
CHANNEL = "news:1"
THEIRS = TraceContext("a" * 32, "1" * 16, state="vendor=1")


class RemoteEngine(MemoryEngine):
    """An engine of another process; its answers can be held back. Notes the context of each call."""

    system_name = "redis"
    publish_command = "EVALSHA"

    def __init__(self) -> None:
        super().__init__(virtual_loop().clock)
        self.contexts: list[TraceContext | None] = []
        self.failure: BaseException | None = None

    async def publish(self, channel: str, publication: Publication, options: PublishOptions) -> PublishOutcome:
        self.contexts.append(CURRENT.get())
        if self.failure is not None:
            raise self.failure
        return await super().publish(channel, publication, options)


class Followed(Node):
    """A node whose tracer follows everything, unless the test says otherwise."""

    def __init__(self, engine: MemoryEngine | None = None) -> None:
        super().__init__(hub_config(OPEN, {"news": KEPT}), engine)
        self.tracer = RecordingTracer()
        self.hub.tracer = self.tracer

    async def published(self, **options: Any) -> dict[str, str]:
        """The tags with which a publication is kept."""
        await self.hub.publish(CHANNEL, b"{}", **options)
        return await self.last_tags()

    async def last_tags(self) -> dict[str, str]:
        history = await self.hub.history(CHANNEL, limit=-1)
        tags = history.publications[-1].tags
        return tags if isinstance(tags, dict) else {}


@pytest.fixture
async def node() -> Followed:
    return Followed()


def context_in(tags: dict[str, str]) -> TraceContext:
    context = parse_context(tags[TRACEPARENT], tags[TRACESTATE])
    assert context is not None
    return context


# --- whether ---------------------------------------------------------------------------------------------------------


async def test_without_a_tracer_tags_pass_as_they_are() -> None:
    node = Node(hub_config(OPEN, {"news": KEPT}))
    tags = {TRACEPARENT: THEIRS.traceparent(), "id": "1"}
    await node.hub.publish(CHANNEL, b"{}", tags=tags)
    assert node.hub.tracer is None
    assert (await node.hub.history(CHANNEL, limit=-1)).publications[0].tags == tags


async def test_what_chance_does_not_choose_leaves_without_a_context(node: Followed) -> None:
    node.tracer.samples = False
    assert await node.published(tags={"id": "1"}) == {"id": "1"}
    assert node.tracer.num_asked == 1
    assert not node.tracer.spans


async def test_in_a_context_that_is_not_followed_no_trace_begins(node: Followed) -> None:
    with current(UNSAMPLED):
        assert await node.published() == {}
        await node.hub.publish_many(CHANNEL, [Item(Raw(b"1")), Item(Raw(b"2"))])
    assert node.tracer.num_asked == 0
    assert not node.tracer.spans


async def test_a_publisher_that_does_not_want_to_be_followed_is_not(node: Followed) -> None:
    tags = {TRACEPARENT: THEIRS._replace(is_sampled=False).traceparent()}
    with current(THEIRS):
        assert await node.published(tags=tags) == tags
    assert not node.tracer.spans


async def test_a_publishers_context_is_the_parent_and_is_replaced(node: Followed) -> None:
    given = {TRACEPARENT: THEIRS.traceparent(), TRACESTATE: THEIRS.state, "id": "1"}
    with current(UNSAMPLED):
        tags = await node.published(tags=given)
    span = node.tracer.one("publish news")
    assert span.parent == THEIRS
    assert tags["id"] == "1"
    assert context_in(tags)[:2] == span.context[:2]
    assert tags[TRACESTATE].endswith(",vendor=1")
    assert given[TRACEPARENT] == THEIRS.traceparent(), "the publisher's own tags are not touched"


async def test_a_broken_context_of_a_publisher_is_none(node: Followed) -> None:
    tags = await node.published(tags={TRACEPARENT: "garbage"})
    assert node.tracer.one("publish news").parent is None
    assert context_in(tags)


async def test_more_than_may_be_followed_leave_with_the_publishers_own_context(node: Followed) -> None:
    node.tracer.allowed = 0
    given = {TRACEPARENT: THEIRS.traceparent()}
    assert await node.published(tags=given) == given
    assert not node.tracer.spans


async def test_of_one_request_only_so_many_have_spans_and_the_others_no_context(node: Followed) -> None:
    given = {TRACEPARENT: THEIRS.traceparent(), TRACESTATE: "a=b", "id": "1"}
    with current(THEIRS):
        await node.hub.publish_many(CHANNEL, [Item(Raw(b"1"))] * (MAX_BELOW - 1))
        await node.hub.publish_many(CHANNEL, [Item(Raw(b"1"), given)] * 2 + [Item(Raw(b"1"))])
    kept = (await node.hub.history(CHANNEL, limit=-1)).publications
    assert len(node.tracer.named("publish news")) == MAX_BELOW
    assert [TRACEPARENT in (each.tags or {}) for each in kept] == [True] * MAX_BELOW + [False] * 2
    assert kept[-2].tags == {"id": "1"}


async def test_an_operators_publication_is_always_followed(node: Followed) -> None:
    node.tracer.samples = False
    traces = node.hub.traces
    assert traces is not None
    with current(UNSAMPLED), traces.always("test publication") as span:
        tags = await node.published()
    assert context_in(tags).trace_id == span.context.trace_id
    assert node.tracer.one("test publication").num_ends == 1
    assert node.tracer.one("publish news").parent == span.context


async def test_what_is_wrong_in_an_operators_publication_is_told(node: Followed) -> None:
    traces = node.hub.traces
    assert traces is not None
    with pytest.raises(ZeroDivisionError), traces.always("test publication"):
        raise ZeroDivisionError
    assert node.tracer.one("test publication").error == "ZeroDivisionError"
    assert CURRENT.get() is None


# --- the span of publishing -------------------------------------------------------------------------------------------


async def test_the_span_of_a_publication(node: Followed) -> None:
    now_ms = int(node.clock.now_s() * 1000)
    tags = await node.published()
    span = node.tracer.one("publish news")
    assert (span.kind, span.parent, span.num_ends, span.error) == (Kind.PRODUCER, None, 1, "")
    assert span.attributes == {
        "messaging.system": "syncline",
        "messaging.destination.name": CHANNEL,
        "messaging.destination.template": "news",
        "messaging.operation.type": "send",
        "messaging.operation.name": "publish",
        "syncline.offset": 1,
    }
    assert published_ms_in(tags[TRACESTATE]) == now_ms


async def test_a_channel_without_namespace(node: Followed) -> None:
    await node.hub.publish("news", b"{}")
    span = node.tracer.one("publish")
    assert "messaging.destination.template" not in span.attributes
    assert "syncline.offset" not in span.attributes


async def test_a_repeat_is_told_as_one(node: Followed) -> None:
    for _ in range(2):
        await node.hub.publish(CHANNEL, b"{}", how=How(idempotency_key="1"))
    assert [span.attributes.get("syncline.suppressed") for span in node.tracer.spans] == [None, True]


async def test_each_of_a_batch_has_its_own_span_and_offset(node: Followed) -> None:
    with current(THEIRS):
        await node.hub.publish_many(CHANNEL, [Item(Raw(b"1")), Item(Raw(b"2"))])
    assert [span.attributes["syncline.offset"] for span in node.tracer.named("publish news")] == [1, 2]
    assert {span.num_ends for span in node.tracer.spans} == {1}


async def test_of_a_batch_each_decides_for_itself(node: Followed) -> None:
    given = {TRACEPARENT: THEIRS.traceparent()}
    with current(UNSAMPLED):
        await node.hub.publish_many(CHANNEL, [Item(Raw(b"1")), Item(Raw(b"2"), given), Item(Raw(b"3"))])
    span = node.tracer.one("publish news")
    assert (span.parent, span.attributes["syncline.offset"]) == (TraceContext("a" * 32, "1" * 16), 2)


async def test_the_engines_call_is_below_the_publication() -> None:
    engine = RemoteEngine()
    node = Followed(engine)
    await node.published()
    publish, call = node.tracer.one("publish news"), node.tracer.one("redis EVALSHA")
    assert (call.kind, call.parent, call.num_ends) == (Kind.CLIENT, publish.context, 1)
    assert call.attributes == {"db.system.name": "redis", "db.operation.name": "EVALSHA"}
    assert engine.contexts == [publish.context]
    assert CURRENT.get() is None


async def test_an_engine_without_answer_fails_the_span_and_leaves_the_allowance() -> None:
    engine = RemoteEngine()
    node = Followed(engine)
    engine.failure = EngineUnavailable("secret in the text")
    with current(THEIRS):
        for _ in range(2 * MAX_BELOW):
            with pytest.raises(EngineUnavailable):
                await node.hub.publish(CHANNEL, b"{}")
        engine.failure = None
        assert TRACEPARENT in await node.published()
    failed = node.tracer.spans[:-2]
    assert {(span.error, span.detail, span.num_ends) for span in failed} == {("EngineUnavailable", "", 1)}
    assert len(node.tracer.named("publish news")) == 2 * MAX_BELOW + 1


async def test_a_cancelled_publication_says_so() -> None:
    engine = RemoteEngine()
    node = Followed(engine)
    engine.failure = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await node.hub.publish(CHANNEL, b"{}")
    assert {span.error for span in node.tracer.spans} == {"cancelled"}


# --- fan-out ----------------------------------------------------------------------------------------------------------


async def test_the_span_of_a_fan_out(node: Followed) -> None:
    clients = [await node.subscribed(CHANNEL) for _ in range(3)]
    await node.hub.publish(CHANNEL, b"{}")
    publish, fan_out = node.tracer.one("publish news"), node.tracer.one("fan_out news")
    assert fan_out.num_ends == 0, "nothing is written before the tick ends"
    assert [len(await client.pushes("pub")) for client in clients] == [1, 1, 1]
    assert fan_out.num_ends == 1
    assert (fan_out.kind, fan_out.parent and fan_out.parent.span_id) == (Kind.INTERNAL, publish.context.span_id)
    assert fan_out.attributes == {
        "messaging.system": "syncline",
        "messaging.destination.name": CHANNEL,
        "messaging.destination.template": "news",
        "messaging.operation.type": "process",
        "messaging.operation.name": "fan_out",
        "messaging.batch.message_count": 1,
        "syncline.offset": 1,
        "syncline.subscribers": 3,
        "syncline.writes": 3,
        "syncline.congested": 0,
    }


async def test_it_lasts_until_the_last_slice(node: Followed) -> None:
    for _ in range(WRITES_PER_SLICE + 1):
        await node.subscribed(CHANNEL)
    await node.hub.publish(CHANNEL, b"{}")
    fan_out = node.tracer.one("fan_out news")
    await asyncio.sleep(0)
    assert fan_out.num_ends == 0
    await idle()
    assert (fan_out.num_ends, fan_out.attributes["syncline.writes"]) == (1, WRITES_PER_SLICE + 1)


async def test_a_node_without_subscribers_has_none(node: Followed) -> None:
    await node.hub.publish(CHANNEL, b"{}")
    assert node.tracer.names == ["publish news"]


async def test_what_another_node_published_is_followed_within_limits(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    node.tracer.allowed = 1
    tags = {TRACEPARENT: THEIRS.traceparent()}
    for _ in range(2):
        node.hub.on_publication(CHANNEL, Publication(Raw(b"{}"), tags=dict(tags)), None)
    shown = await client.pushes("pub")
    assert [fan_out.parent for fan_out in node.tracer.named("fan_out news")] == [THEIRS._replace(state="")]
    assert [publication["tags"] for publication in shown] == [tags, tags], "who cannot be measured is not asked"


@pytest.mark.parametrize("traceparent", ["garbage", THEIRS._replace(is_sampled=False).traceparent()])
async def test_what_is_not_followed_has_no_fan_out(node: Followed, traceparent: str) -> None:
    client = await node.subscribed(CHANNEL)
    node.hub.on_publication(CHANNEL, Publication(Raw(b"{}"), tags={TRACEPARENT: traceparent}), None)
    assert (await client.pushes("pub"))[0]["tags"] == {TRACEPARENT: traceparent}
    assert not node.tracer.spans


# --- asking for acknowledgements --------------------------------------------------------------------------------------


async def test_the_live_copy_asks_and_the_history_does_not(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    kept = await node.published(tags={"id": "1"})
    (shown,) = await client.pushes("pub")
    assert shown["tags"] == {**kept, ACK_TAG: "1"}
    assert context_in(kept).span_id == node.tracer.one("publish news").context.span_id
    assert ACK_TAG not in kept


@pytest.mark.parametrize(("off_ms", "is_asked"), [(-60_000, True), (60_000, True), (-60_001, False), (60_001, False)])
async def test_a_stamp_that_cannot_be_one_of_this_publication_is_not_measured(
    node: Followed, off_ms: int, is_asked: bool
) -> None:
    """Another hub's, left in the context of a publisher that is not followed where it published."""
    client = await node.subscribed(CHANNEL)
    state = stamped("", int(node.clock.now_s() * 1000) + off_ms)
    tags = {TRACEPARENT: THEIRS.traceparent(), TRACESTATE: state}
    node.hub.on_publication(CHANNEL, Publication(Raw(b"{}"), tags=tags), None)
    (shown,) = await client.pushes("pub")
    assert (ACK_TAG in shown["tags"]) == is_asked
    assert len(node.tracer.named("fan_out news")) == 1


async def test_some_32_of_many_are_asked(node: Followed) -> None:
    clients = [await node.subscribed(CHANNEL) for _ in range(5 * WANTED_ANSWERS)]
    await node.hub.publish(CHANNEL, b"{}")
    (shown,) = await clients[0].pushes("pub")
    assert shown["tags"][ACK_TAG] == "0.2"


@pytest.mark.parametrize("has_tracer", [True, False])
async def test_a_publisher_cannot_ask(has_tracer: bool) -> None:
    node = Followed()
    node.tracer.samples = False
    if not has_tracer:
        node.hub.tracer = None
    client = await node.subscribed(CHANNEL)
    await node.hub.publish(CHANNEL, b"{}", tags={ACK_TAG: "1", "id": "1"})
    await node.hub.publish(CHANNEL, b"{}", tags={ACK_TAG: "1"})
    assert [publication.get("tags") for publication in await client.pushes("pub")] == [{"id": "1"}, None]


def ends(spans: Sequence[RecordedSpan]) -> set[int]:
    return {span.num_ends for span in spans}


async def test_nothing_is_left_open(node: Followed) -> None:
    client = await node.subscribed(CHANNEL)
    for _ in range(5):
        await node.hub.publish(CHANNEL, b"{}")
    await client.vanish()
    await idle()
    assert ends(node.tracer.spans) == {1}
