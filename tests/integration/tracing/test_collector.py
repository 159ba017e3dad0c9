"""A node and its collector: what arrives there, and that nothing changes for anybody when it is down, silent or broken
(fault F41)."""

from __future__ import annotations

import json
import socket
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from tests.support.api_client import API_KEY
from tests.support.cluster import new_prefix, redis_section
from tests.support.otlp_receiver import Fault, otlp_receiver
from tests.support.patience import TIME_SCALE, eventually
from tests.support.ports import free_port
from tests.support.server import running_server, start_node, stop, with_secrets

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tests.support.otlp_receiver import OtlpReceiver
    from tests.support.redis import RedisServer
    from tests.support.server import Config, NodeProcess

pytestmark = pytest.mark.timeout(60 * TIME_SCALE)

TRACE, SPAN = "a" * 32, "b" * 16
SAMPLED = {"traceparent": f"00-{TRACE}-{SPAN}-01"}

EVERYTHING: Config = {
    "opentelemetry": {"enabled": True, "sample_ratio": 1, "max_roots_per_second": 100_000, "keep_traces": 100},
    "shutdown": {"drain_window": "0s"},
}

GROWTH_BYTES = 10 * 1024 * 1024
"""What a collector that takes nothing may cost (F41)."""

WARM_UP, PUBLICATIONS = 200, 3_000
"""More spans each than the queue holds, of two per publication."""


@pytest.fixture
async def collector() -> AsyncIterator[OtlpReceiver]:
    async with otlp_receiver() as running:
        yield running


@contextmanager
def black_hole() -> Iterator[str]:
    """Where connections are taken by the kernel, and nobody ever reads."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


async def measures(node: NodeProcess) -> dict[str, float]:
    items: dict[str, float] = (await node.api.call("info"))["nodes"][0]["metrics"]["items"]
    return items


async def publish(node: NodeProcess, count: int) -> None:
    """One by one, over one connection; each has to succeed."""
    async with aiohttp.ClientSession(headers={"X-API-Key": API_KEY}) as session:
        for number in range(count):
            body = {"channel": "news", "data": number}
            async with session.post(f"{node.http_url}/api/publish", json=body) as answer:
                assert (answer.status, (await answer.json())["result"]) == (200, {})


def lines(node: NodeProcess, event: str) -> list[dict[str, Any]]:
    parsed = [json.loads(line) for line in node.log.splitlines() if line.startswith("{")]
    return [line for line in parsed if line["event"] == event]


def memory_bytes(node: NodeProcess) -> int:
    status = Path(f"/proc/{node.process.pid}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


async def ended_in_order(node: NodeProcess) -> None:
    node.terminate()
    assert await node.ended() == 0


async def test_what_a_publisher_follows_arrives_with_its_trace_id(collector: OtlpReceiver) -> None:
    env = {**collector.env(), "OTEL_RESOURCE_ATTRIBUTES": "service.namespace=shop"}
    config = {**EVERYTHING, "opentelemetry": {"enabled": True, "sample_ratio": 0}, "node": {"name": "one"}}
    async with running_server(config, env=env) as node:
        await node.api.publish("news")
        await node.api.post("/api/publish", {"channel": "news", "data": 1}, SAMPLED)
        await collector.received("POST /api/publish", "publish", trace_id=TRACE)
        await ended_in_order(node)

    request, publication = collector.trace(TRACE)
    assert len(collector.spans) == 2  # the other request was not followed
    assert (request.name, request.kind, request.parent_id) == ("POST /api/publish", "server", SPAN)
    assert (publication.name, publication.kind, publication.parent_id) == ("publish", "producer", request.span_id)
    assert request.start_ns <= publication.start_ns <= publication.end_ns <= request.end_ns
    assert publication.attributes["messaging.destination.name"] == "news"
    assert {"service.name": "syncline", "service.namespace": "shop"}.items() <= request.resource.items()
    assert {"service.version", "service.instance.id", "syncline.node.name"} <= request.resource.keys()


async def test_the_last_spans_are_exported_when_the_node_stops(collector: OtlpReceiver) -> None:
    env = {**collector.env(), "OTEL_BSP_SCHEDULE_DELAY": "600000", "OTEL_EXPORTER_OTLP_HEADERS": "x-tenant=blue"}
    async with running_server(EVERYTHING, env=env) as node:
        await node.api.publish("news")
        assert not collector.spans
        await ended_in_order(node)
        assert not lines(node, "spans_left_behind")

    assert {span.name for span in collector.spans} == {"POST /api/publish", "publish"}
    assert collector.headers["x-tenant"] == "blue"


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.UNAVAILABLE, Fault.REFUSED, Fault.GARBAGE])
async def test_a_collector_with_a_fault_costs_spans_and_a_line_a_minute(collector: OtlpReceiver, fault: Fault) -> None:
    collector.fault = fault
    env = {**collector.env(), "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"}
    async with running_server(EVERYTHING, env=env) as node:
        await publish(node, 100)
        await eventually(lambda: _lost_some(node))
        assert await node.readiness() == 200
        await ended_in_order(node)
        assert not lines(node, "task_failed")
        assert 1 <= len(lines(node, "telemetry_export")) <= 2  # of the exporter and of its batches
        assert "Traceback" not in node.log


@pytest.mark.slow
@pytest.mark.parametrize("way", ["down", "black hole"])
async def test_a_collector_that_is_gone_costs_neither_memory_nor_the_stop(way: str) -> None:
    with black_hole() as hole:
        endpoint = hole if way == "black hole" else f"http://127.0.0.1:{free_port()}"
        async with running_server(EVERYTHING, env={"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}) as node:
            await publish(node, WARM_UP)
            before = memory_bytes(node)
            await publish(node, PUBLICATIONS)
            assert memory_bytes(node) - before < GROWTH_BYTES
            await eventually(lambda: _lost_some(node))
            counted = await measures(node)
            assert counted["spans_exported"] == 0
            assert counted["spans_waiting"] <= 2_048
            assert counted["spans_dropped"] > PUBLICATIONS  # most of them: two each
            await ended_in_order(node)


async def test_a_collector_that_comes_back_gets_what_is_made_from_then_on(collector: OtlpReceiver) -> None:
    await collector.stop()
    env = {**collector.env(), "OTEL_EXPORTER_OTLP_TIMEOUT": "0.5"}
    async with running_server(EVERYTHING, env=env) as node:
        await publish(node, 5)
        await eventually(lambda: _lost_some(node))
        await collector.start()
        await node.api.post("/api/publish", {"channel": "news", "data": 1}, SAMPLED)
        await collector.received("publish", trace_id=TRACE)


async def test_with_the_sdk_disabled_nothing_is_followed(collector: OtlpReceiver) -> None:
    async with running_server(EVERYTHING, env={**collector.env(), "OTEL_SDK_DISABLED": "true"}) as node:
        await node.api.post("/api/publish", {"channel": "news", "data": 1}, SAMPLED)
        assert "spans_started" not in await measures(node)
        await ended_in_order(node)
        assert lines(node, "tracing_disabled")

    assert not collector.num_requests


async def test_the_sampler_of_the_environment_wins(collector: OtlpReceiver) -> None:
    env = {**collector.env(), "OTEL_TRACES_SAMPLER": "parentbased_always_off"}
    async with running_server(EVERYTHING, env=env) as node:
        await publish(node, 20)
        assert (await measures(node))["spans_started"] == 0
        await node.api.post("/api/publish", {"channel": "news", "data": 1}, SAMPLED)
        assert (await measures(node))["spans_started"] == 2


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_TRACES_EXPORTER", "zipkin"),
        ("OTEL_TRACES_SAMPLER", "xray"),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "100000"),
    ],
)
async def test_what_cannot_be_had_stops_the_start_and_is_named(tmp_path: Path, variable: str, value: str) -> None:
    env = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", variable: value}
    node = await start_node(with_secrets(EVERYTHING), tmp_path, port=free_port(), env=env)
    try:
        assert await node.ended() == 1
    finally:
        await stop(node)

    (line,) = lines(node, "cannot_start")
    assert variable.rpartition("_MAX")[0] in line["detail"] or variable in line["detail"]


async def test_every_worker_exports_for_itself(shared_redis: RedisServer, collector: OtlpReceiver) -> None:
    config = {**EVERYTHING, "engine": redis_section(shared_redis.port, new_prefix())}
    async with running_server(config, env=collector.env(), flags=("--workers", "2")) as node:

        async def both_have() -> bool:
            await node.api.publish("news")
            return len({span.resource["service.instance.id"] for span in collector.spans}) == 2

        await eventually(both_have)
        await ended_in_order(node)

    assert {str(span.resource["syncline.node.name"])[-2:] for span in collector.spans} == {"_1", "_2"}


async def _lost_some(node: NodeProcess) -> bool:
    counted = await measures(node)
    return counted["span_exports_failed"] > 0 and counted["spans_dropped"] > 0
