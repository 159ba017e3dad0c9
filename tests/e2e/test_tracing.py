"""One event, followed from the span of its publisher to the page that showed it, and read back from all who tell of it.

Every party exports to one collector: the publisher's own SDK, both nodes, and OpenTelemetry in the page.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from tests.e2e.tracing_world import OPERATOR, World, tracing_world
from tests.support.patience import TIME_SCALE, eventually
from tests.support.rabbit_world import sender_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.otlp_receiver import ReceivedSpan
    from tests.support.postgres import PostgresServer
    from tests.support.rabbitmq import RabbitServer
    from tests.support.redis import RedisServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.node,
    pytest.mark.slow,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.timeout(120 * TIME_SCALE),
]

QUEUE = "tracing-end-to-end"

OVER_REST = "GET /v1/state/{key}"

ON_ITS_WAY = ("publish orders", "fan_out orders", "receive orders", "acknowledge orders")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def world(
    shared_redis: RedisServer,
    rabbitmq: RabbitServer,
    postgres: PostgresServer,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[World]:
    directory = tmp_path_factory.mktemp("tracing")
    async with tracing_world(shared_redis.port, rabbitmq, QUEUE, postgres, directory) as running:
        yield running


def node_of(span: ReceivedSpan) -> object:
    return span.resource["service.instance.id"]


async def test_from_http_to_the_page(world: World) -> None:
    key = world.new_key()
    await world.page("http", f"orders:{key}", has_telemetry=True)
    counted = await world.metric(world.b, "syncline_publish_to_client_seconds_count")
    with world.publisher.span() as (trace_id, headers):
        await world.publish(f"orders:{key}", {"seq": 1}, headers)
    spans = await world.spans(trace_id, "sell", *ON_ITS_WAY)
    [sell], [request] = spans["sell"], spans["POST /api/publish"]
    [publish] = spans["publish orders"]
    [received], [acknowledged] = spans["receive orders"], spans["acknowledge orders"]
    [fan_out] = spans["fan_out orders"]
    assert request.parent_id == sell.span_id
    assert publish.parent_id == request.span_id
    assert fan_out.parent_id == publish.span_id
    assert received.parent_id == publish.span_id
    assert acknowledged.parent_id == received.span_id
    assert node_of(publish) != node_of(fan_out) == node_of(acknowledged)
    assert fan_out.attributes["syncline.subscribers"] == fan_out.attributes["syncline.writes"] == 1
    assert received.kind == acknowledged.kind == "consumer"
    [shown] = await world.heard("http")
    assert shown["active"]["spanId"] == received.span_id
    assert shown["active"]["traceId"] == trace_id

    async def has_counted() -> bool:
        return await world.metric(world.b, "syncline_publish_to_client_seconds_count") == counted + 1

    await eventually(has_counted)
    assert await world.metric(world.a, "syncline_publish_to_client_seconds_count") == 0


async def test_from_a_broker_to_the_page_and_back_to_an_error(world: World, rabbitmq: RabbitServer) -> None:
    """When the page shows it, it asks for a document that the database cannot give: Sentry knows of which event."""
    key = world.new_key()
    await world.page("amqp", f"orders:{key}", has_telemetry=True, broken="cart")
    await world.postgres.execute("ALTER TABLE state_documents RENAME TO hidden", database=world.database)
    try:
        async with sender_at(rabbitmq.url) as sender:
            with world.publisher.span() as (trace_id, headers):
                await sender.send(QUEUE, {"key": key, "seq": 1}, headers=headers)
        spans = await world.spans(trace_id, "sell", "process orders", *ON_ITS_WAY, "rpc state.get", OVER_REST)
        _, *failed = await world.heard("amqp", 3)
        assert sorted(each["failure"] for each in failed) == [500, 503]
        for name in (OVER_REST, "rpc state.get"):
            event = await eventually(partial(_event_of, world, trace_id, spans[name][0].span_id))
            assert event is not None
            assert event["exception"]["values"][0]["type"] == "UndefinedTableError"
    finally:
        await world.postgres.execute("ALTER TABLE hidden RENAME TO state_documents", database=world.database)
    [sell], [process], [publish] = spans["sell"], spans["process orders"], spans["publish orders"]
    [received], [acknowledged], [call] = (
        spans["receive orders"],
        spans["acknowledge orders"],
        spans["rpc state.get"],
    )
    assert process.parent_id == sell.span_id
    assert process.attributes["messaging.system"] == "rabbitmq"
    assert publish.parent_id == process.span_id
    assert received.parent_id == publish.span_id
    assert acknowledged.parent_id == call.parent_id == received.span_id
    assert call.is_failed
    assert spans[OVER_REST][0].parent_id == received.span_id
    assert spans[OVER_REST][0].is_failed


async def test_an_operator_sees_all_of_it_on_any_node(world: World) -> None:
    key = world.new_key()
    await world.page("seen", f"orders:{key}", has_telemetry=True)
    with world.publisher.span() as (trace_id, headers):
        await world.publish(f"orders:{key}", {"seq": 1}, headers)
    spans = await world.spans(trace_id, *ON_ITS_WAY)
    operator = await world.there.log_in(OPERATOR)

    async def shown() -> dict[str, Any]:
        answer = await operator.call("GET", f"/v1/ops/traces/{trace_id}")
        assert answer.status == 200, answer
        return {span["name"]: span for span in answer.json["spans"]}

    async def is_complete() -> bool:
        return {"publish orders", "fan_out orders", "acknowledge orders"} <= (await shown()).keys()

    await eventually(is_complete)
    seen = await shown()
    assert seen["publish orders"]["node_name"] == "a"
    assert seen["fan_out orders"]["node_name"] == seen["acknowledge orders"]["node_name"] == "b"
    assert seen["acknowledge orders"]["parent_id"] == spans["receive orders"][0].span_id
    listed = (await operator.call("GET", f"/v1/ops/traces?text={trace_id}")).json["traces"]
    assert [(each["trace_id"], each["num_acknowledged"], sorted(each["nodes"])) for each in listed] == [
        (trace_id, 1, ["a", "b"])
    ]


async def test_a_page_without_opentelemetry_acknowledges_what_it_was_sent(world: World) -> None:
    key = world.new_key()
    await world.page("bare", f"orders:{key}", has_telemetry=False)
    with world.publisher.span() as (trace_id, headers):
        await world.publish(f"orders:{key}", {"seq": 1}, headers)
    spans = await world.spans(trace_id, "publish orders", "acknowledge orders")
    assert spans["acknowledge orders"][0].parent_id == spans["publish orders"][0].span_id
    assert "receive orders" not in spans


async def test_npm_centrifuge_acknowledges_with_one_call(world: World) -> None:
    key = world.new_key()
    await world.browser.call("followed", "observe", world.collector.endpoint)
    await world.plain_page("followed", f"orders:{key}", is_followed=True)
    with world.publisher.span() as (trace_id, headers):
        await world.publish(f"orders:{key}", {"seq": 1}, headers)
    spans = await world.spans(trace_id, *ON_ITS_WAY)
    assert spans["acknowledge orders"][0].parent_id == spans["receive orders"][0].span_id


async def test_npm_centrifuge_alone_ignores_that_it_is_asked(world: World) -> None:
    key = world.new_key()
    await world.plain_page("plain", f"orders:{key}", is_followed=False)
    with world.publisher.span() as (trace_id, headers):
        await world.publish(f"orders:{key}", {"seq": 1}, headers)
        await world.publish(f"orders:{key}", {"seq": 2}, headers)
    first, second = await world.heard("plain", 2)
    assert [first["data"], second["data"]] == [{"seq": 1}, {"seq": 2}]
    assert first["tags"]["syncline-ack"] == "1"
    assert first["tags"]["traceparent"].split("-")[1] == trace_id
    assert await world.browser.call("plain", "state") == "connected"
    spans = await world.spans(trace_id, "publish orders", "fan_out orders")
    assert "acknowledge orders" not in spans


async def test_what_nobody_follows_makes_no_span_and_asks_nobody(world: World) -> None:
    key = world.new_key()
    await world.plain_page("unsampled", f"orders:{key}", is_followed=True)
    unsampled = {"traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"}
    await world.publish(f"orders:{key}", 1, unsampled)
    await world.publish(f"orders:{key}", 2, {})
    assert [each["tags"] for each in await world.heard("unsampled", 2)] == [{}, {}]
    with world.publisher.span() as (trace_id, headers):  # what comes later has come, so what was before has too
        await world.publish(f"orders:{key}", 3, headers)
    await world.spans(trace_id, "acknowledge orders")
    assert not world.collector.trace("4bf92f3577b34da6a3ce929d0e0e4736")


def _event_of(world: World, trace_id: str, span_id: str) -> dict[str, Any] | None:
    """What Sentry was told of that span."""
    contexts = [(each, each.get("contexts", {}).get("trace", {})) for each in world.sentry.events]
    found = (event for event, trace in contexts if (trace.get("trace_id"), trace.get("span_id")) == (trace_id, span_id))
    return next(found, None)
