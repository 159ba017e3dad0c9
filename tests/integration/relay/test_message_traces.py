"""One trace from a message of a real broker, through the relay, to what subscribers of every node are shown."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hub.relay.intake import Intake
from hub.relay.redis.config import RedisPubSubConfig
from hub.relay.redis.streams import RedisStreamSource
from hub.relay.routing import Router
from hub.tracing import TRACEPARENT, TraceContext, parse_context
from tests.support.cluster import local_nodes
from tests.support.local_server import FULL, OPEN, hub_config, local_server
from tests.support.patience import eventually
from tests.support.rabbit_world import rabbit_world, source_config
from tests.support.redis_streams import add, pubsub_source, redis_at, stream_config, stream_source
from tests.support.relay_world import ROUTING, RelayHub, RelayWorld
from tests.support.tracer import RecordedSpan, RecordingTracer

if TYPE_CHECKING:
    from tests.support.rabbitmq import RabbitNames, RabbitServer
    from tests.support.redis import RedisServer

SENT = TraceContext("a" * 32, "1" * 16)
BODY = {"key": "a", "seq": 1}
EVENT = {"specversion": "1.0", "id": "1", "source": "/shop", "type": "made", "traceparent": SENT.traceparent()}
STRUCTURED = {"content_type": "application/cloudevents+json"}


def followed(world: RelayHub) -> RecordingTracer:
    """Follows what says that it is followed, and nothing by chance."""
    tracer = RecordingTracer(samples=False)
    world.hub.tracer = tracer
    return tracer


async def process_span(world: RelayHub, tracer: RecordingTracer, consumer: str) -> RecordedSpan:
    """The span of the one message, which has ended, and what it has published below it."""
    await eventually(lambda: [span for span in tracer.named(f"process {consumer}") if span.num_ends])
    process = tracer.one(f"process {consumer}")
    publish = tracer.one("publish")
    assert (process.parent and process.parent[:2], process.error) == (SENT[:2], "")
    assert publish.parent == process.context
    (publication,) = (await world.hub.history("a", limit=-1)).publications
    assert isinstance(publication.tags, dict)
    shown = parse_context(publication.tags[TRACEPARENT])
    assert shown is not None
    assert shown[:2] == (SENT.trace_id, publish.context.span_id)
    return process


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (BODY, {"headers": {"traceparent": SENT.traceparent()}}),
        ({**EVENT, "data": BODY}, STRUCTURED),
    ],
)
async def test_a_rabbitmq_message_by_its_header_or_its_event(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, body: dict[str, Any], options: dict[str, Any]
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        tracer = followed(world)
        await sender.send(config.queue, body, **options)
        process = await process_span(world, tracer, "orders")
        assert process.attributes["messaging.system"] == "rabbitmq"
        assert process.attributes["messaging.destination.name"] == config.queue
        assert world.measure("amqp_acknowledged") == 1, "it ends when it is acknowledged"


async def test_a_rejected_rabbitmq_message_has_failed(rabbitmq: RabbitServer, rabbitmq_names: RabbitNames) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        tracer = followed(world)
        await sender.send(config.queue, b"no JSON", headers={"traceparent": SENT.traceparent()})
        await eventually(lambda: tracer.spans and tracer.spans[0].num_ends)
        process = tracer.one("process orders")
        assert (process.parent, process.error) == (SENT, "malformed")


async def test_messages_without_a_context_begin_traces_by_chance(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    config = source_config(rabbitmq, rabbitmq_names)
    async with rabbit_world(config, rabbitmq) as (world, sender):
        tracer = followed(world)
        await sender.send_seqs(config.queue, "a", range(5))
        await world.has_seqs("a", range(5))
        assert tracer.num_asked == 5, "once for each message, and not again for what it becomes"
        assert not tracer.spans


async def test_an_entry_of_a_redis_stream_by_its_field(redis_server: RedisServer) -> None:
    world = RelayWorld()
    tracer = followed(world)
    source = stream_source(world, stream_config(redis_server))
    async with world.running(source):
        await add(redis_server, BODY, traceparent=SENT.traceparent())
        process = await process_span(world, tracer, "orders")
        assert process.attributes["messaging.system"] == "redis"
        assert source.measures()["redis_acknowledged.orders"] == 1


async def test_a_redis_pubsub_message_has_nothing_that_says_it_and_is_followed_by_chance(
    redis_server: RedisServer,
) -> None:
    world = RelayWorld()
    tracer = followed(world)
    source = pubsub_source(world, RedisPubSubConfig(name="feed", redis=redis_at(redis_server), patterns=("feed.*",)))
    async with world.running(source):
        await eventually(lambda: source.measures()["redis_listening.feed"])
        await redis_server.execute("PUBLISH", "feed.one", json.dumps(BODY))
        await world.has_seqs("a", [1])
        tracer.samples = True
        await redis_server.execute("PUBLISH", "feed.one", json.dumps({**BODY, "seq": 2}))
        await world.has_seqs("a", [1, 2])
    assert tracer.num_asked == 2
    process, publish = tracer.one("process feed"), tracer.one("publish")
    assert process.attributes["messaging.destination.name"] == "feed.one"
    assert publish.parent == process.context


async def test_an_event_over_http_is_below_its_request() -> None:
    tracer = RecordingTracer(samples=False)
    async with local_server(hub_config(FULL), events=ROUTING, tracer=tracer) as server:
        answer = await server.api.post("/v1/events", BODY, headers={"traceparent": SENT.traceparent()})
        assert answer.status == 200, answer
        process, publish = tracer.one("process events"), tracer.one("publish")
        (request,) = [span for span in tracer.spans if span.context == process.parent]
        assert (request.parent and request.parent[:2], publish.parent) == (SENT[:2], process.context)
        assert process.attributes["messaging.system"] == "http"


async def test_an_event_over_http_that_says_itself_what_it_is_a_part_of() -> None:
    tracer = RecordingTracer(samples=False)
    async with local_server(hub_config(FULL), events=ROUTING, tracer=tracer) as server:
        event = {**EVENT, "data": BODY}
        headers = {"Content-Type": "application/cloudevents-batch+json"}
        answer = await server.api.post("/v1/events", [event, {**event, "id": "2", "traceparent": ""}], headers=headers)
        assert answer.status == 200, answer
        assert tracer.names == ["process events", "publish"]
        assert (tracer.spans[0].parent or SENT)[:2] == SENT[:2]


async def test_both_nodes_of_a_hub_are_in_one_trace(redis_server: RedisServer) -> None:
    async with local_nodes(redis_server.port, 2, hub_config(replace(OPEN, history_size=10, history_ttl_s=60))) as nodes:
        tracers = [RecordingTracer(samples=False) for _ in nodes]
        for node, tracer in zip(nodes, tracers, strict=True):
            node.hub.tracer = tracer
        clients = [await node.subscribed("ann", "a") for node in nodes]
        source = RedisStreamSource(
            stream_config(redis_server),
            Router(ROUTING, nodes[0].hub.config.channel, "orders"),
            Intake(nodes[0].hub),
            nodes[0].hub.clock,
            owner="first",
            node_name="first",
        )
        async with RelayWorld().running(source):
            await add(redis_server, BODY, traceparent=SENT.traceparent())
            shown = [(await client.push("pub"))["tags"] for client in clients]
            await eventually(lambda: all(tracer.named("fan_out") for tracer in tracers))
        publish = tracers[0].one("publish")
        call = tracers[0].one("redis EVALSHA")
        assert call.parent == publish.context
        assert publish.context.trace_id == SENT.trace_id
        assert [tags[TRACEPARENT] for tags in shown] == [publish.context.traceparent()] * 2
        assert [tags["syncline-ack"] for tags in shown] == ["1", "1"]
        for tracer in tracers:
            parent = tracer.one("fan_out").parent
            assert parent is not None
            assert parent[:2] == publish.context[:2]
        assert tracers[1].names == ["fan_out"]

        ack = {"traceparent": publish.context.traceparent(), "channel": "a", "held_ms": 1}
        await clients[1].send({"send": {"data": {"syncline": {"ack": [ack]}}}})
        await eventually(lambda: tracers[1].named("acknowledge"))
        assert nodes[1].hub.histograms["publish_to_client_s"].count == 1
        assert nodes[0].hub.acknowledgements.measures()["acks_accepted"] == 0
