"""Messages that are followed, through the intake into the hub."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec import Raw

from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay.config import RouteConfig, RoutingConfig
from hub.relay.delivery import Delivery
from hub.relay.intake import Intake
from hub.relay.message import Message
from hub.relay.message_traces import MessageTraces
from hub.relay.rejection import REFUSED, Rejected
from hub.relay.routing import Router, outcome_of
from hub.trace_decisions import MAX_BELOW
from hub.tracing import CURRENT, TRACEPARENT, TRACESTATE, UNSAMPLED, Kind, TraceContext, parse_context
from tests.support.tracer import RecordingTracer, current
from tests.unit.hub.virtual_time import virtual_loop

NAMESPACES = {
    "news": ChannelOptions(history_size=100, history_ttl_s=60),
    "objects": ChannelOptions(publication_data_format="json_object"),
}
SENT = TraceContext("a" * 32, "1" * 16, state="v=1")
MADE = TraceContext("b" * 32, "2" * 16)
"""Of the message, and of the event inside it."""


class World:
    """A hub that follows everything, with what takes messages in."""

    def __init__(self) -> None:
        self.hub = Hub(HubConfig(channel=ChannelConfig(namespaces=NAMESPACES)), _engine(), virtual_loop().clock)
        self.tracer = RecordingTracer()
        self.hub.tracer = self.tracer
        self.intake = Intake(self.hub)

    async def take(self, *outcomes: list[Delivery] | Rejected, is_request: bool = False) -> None:
        """As a source does; each was taken from the queue `orders`."""
        with (
            current(CURRENT.get() if is_request else UNSAMPLED),
            MessageTraces(self.intake.traces, "rabbitmq", "shop", is_request=is_request) as spans,
        ):
            followed = [spans.begin(outcome, "orders", dict) for outcome in outcomes]
            routed = [each for each in followed if not isinstance(each, Rejected)]
            await spans.accepting(self.intake.accept)(routed)

    async def tags(self, channel: str = "news:1") -> list[dict[str, str]]:
        publications = (await self.hub.history(channel, limit=-1)).publications
        return [each.tags if isinstance(each.tags, dict) else {} for each in publications]


def _engine() -> MemoryEngine:
    return MemoryEngine(virtual_loop().clock)


def delivery(trace: TraceContext | None = None, channel: str = "news:1", **tags: str) -> Delivery:
    return Delivery(channel, Raw(b"1"), tags, trace=trace)


async def test_a_message_is_followed_from_its_publisher_into_the_hub() -> None:
    world = World()
    await world.take([delivery(SENT, id="1", traceparent=MADE.traceparent())])
    process, publish = world.tracer.spans
    assert (process.name, process.kind, process.parent) == ("process shop", Kind.CONSUMER, SENT)
    assert process.attributes == {
        "messaging.system": "rabbitmq",
        "messaging.destination.name": "orders",
        "messaging.operation.type": "process",
        "messaging.operation.name": "process",
    }
    assert (publish.name, publish.parent) == ("publish news", process.context)
    (tags,) = await world.tags()
    assert tags["id"] == "1"
    assert tags[TRACEPARENT] == publish.context.traceparent()
    assert tags[TRACESTATE].endswith(",v=1")
    assert {span.num_ends for span in world.tracer.spans} == {1}


async def test_messages_of_one_batch_and_channel_stay_apart() -> None:
    world = World()
    await world.take([delivery(SENT)], [delivery(SENT._replace(is_sampled=False))], [delivery(MADE)])
    assert [span.parent for span in world.tracer.named("process shop")] == [SENT, MADE]
    contexts = [parse_context(tags.get(TRACEPARENT)) for tags in await world.tags()]
    assert [context and context.trace_id for context in contexts] == [SENT.trace_id, None, MADE.trace_id]


@pytest.mark.parametrize("samples", [True, False])
async def test_a_message_without_a_context_is_followed_by_chance_once(samples: bool) -> None:
    world = World()
    world.tracer.samples = samples
    await world.take([delivery(), delivery(channel="news:2")])
    assert world.tracer.num_asked == 1
    assert world.tracer.names == (["process shop", "publish news", "publish news"] if samples else [])


async def test_below_the_own_span_publications_ask_nobody() -> None:
    world = World()
    world.tracer.allowed = 1
    await world.take([delivery(SENT), delivery(SENT, "news:2")])
    assert len(world.tracer.named("publish news")) == 2


async def test_more_than_may_be_followed_are_published_all_the_same() -> None:
    world = World()
    world.tracer.allowed = 0
    await world.take([delivery(SENT, id="1")])
    assert not world.tracer.spans
    assert await world.tags() == [{"id": "1"}]


async def test_a_rejected_message_has_failed_with_the_reason() -> None:
    world = World()
    await world.take([delivery(SENT, "objects:1")], [delivery(MADE)])
    assert [span.error for span in world.tracer.named("process shop")] == [REFUSED, ""]


async def test_one_that_could_not_be_routed_too() -> None:
    world = World()
    with MessageTraces(world.intake.traces, "redis", "shop") as spans:
        rejected = Rejected("no_route", "no route matches")
        headers = {TRACEPARENT: SENT.traceparent(), TRACESTATE: 1}
        assert spans.begin(rejected, "orders", lambda: headers) is rejected
    span = world.tracer.one("process shop")
    assert (span.parent, span.error, span.num_ends) == (SENT._replace(state=""), "no_route", 1)


async def test_a_message_that_is_not_acknowledged_has_failed() -> None:
    world = World()
    spans = MessageTraces(world.intake.traces, "rabbitmq", "shop")
    spans.begin([delivery(SENT)], "orders", dict)
    with pytest.raises(ConnectionError), spans:
        raise ConnectionError
    span = world.tracer.one("process shop")
    assert (span.error, span.num_ends) == ("ConnectionError", 1)


async def test_without_a_tracer_nothing_is_touched() -> None:
    world = World()
    world.hub.tracer = None
    outcome = [delivery(SENT, id="1")]
    with MessageTraces(world.intake.traces, "rabbitmq", "shop") as spans:
        assert spans.begin(outcome, "orders", dict) is outcome
        assert spans.accepting(world.intake.accept) == world.intake.accept


# --- with a request ---------------------------------------------------------------------------------------------------


async def in_request(world: World, context: TraceContext, outcomes: Sequence[list[Delivery]]) -> None:
    with current(context):
        await world.take(*outcomes, is_request=True)


async def test_events_of_a_followed_request_are_below_it_up_to_a_number() -> None:
    world = World()
    await in_request(world, SENT, [[delivery(MADE)]] * (MAX_BELOW + 2))
    assert [span.parent for span in world.tracer.named("process shop")] == [SENT] * MAX_BELOW
    assert len(world.tracer.named("publish news")) == MAX_BELOW


async def test_events_of_another_request_are_followed_when_they_say_so() -> None:
    world = World()
    await in_request(world, UNSAMPLED, [[delivery()], [delivery(MADE)]])
    assert world.tracer.one("process shop").parent == MADE
    assert world.tracer.num_asked == 0


# --- where the context is ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("event_tags", [(), ("traceparent", "tracestate")])
@pytest.mark.parametrize(
    ("message", "trace"),
    [
        (Message(b"{}", {"traceparent": SENT.traceparent(), "tracestate": "v=1"}), SENT),
        (Message(b"{}", {"Traceparent": SENT.traceparent()}), SENT._replace(state="")),
        (
            Message(
                b'{"specversion":"1.0","id":"1","source":"s","type":"t","traceparent":"%s"}'
                % MADE.traceparent().encode(),
                {},
                "application/cloudevents+json",
            ),
            MADE,
        ),
        (
            Message(
                b"{}",
                {
                    "cloudEvents:specversion": "1.0",
                    "cloudEvents:id": "1",
                    "cloudEvents:source": "s",
                    "cloudEvents:type": "t",
                    "cloudEvents:traceparent": MADE.traceparent(),
                    "traceparent": SENT.traceparent(),
                },
            ),
            SENT._replace(state=""),
        ),
        (Message(b"{}", {"traceparent": "garbage"}), None),
        (Message(b"{}", {}), None),
    ],
)
async def test_the_header_goes_before_the_event(
    message: Message, trace: TraceContext | None, event_tags: tuple[str, ...]
) -> None:
    config = RoutingConfig(routes=(RouteConfig(channels=("news:1",)),), event_tags=event_tags)
    router = Router(config, ChannelConfig(namespaces=NAMESPACES))
    outcome = outcome_of(lambda: router.route(message), "failed")
    assert not isinstance(outcome, Rejected)
    assert outcome[0].trace == trace
