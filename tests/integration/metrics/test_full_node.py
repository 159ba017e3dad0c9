"""What a node with everything counts is all in the catalogue, and its metrics are as Prometheus asks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from observability.metrics.catalogue import VALUES, entry_of
from tests.integration.metrics.scrape import everything, metrics_of, scraped, series_of, value_of
from tests.support.server import running_server

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.support.redis import RedisServer
    from tests.support.server import NodeProcess

pytestmark = pytest.mark.asyncio(loop_scope="module")

OPENMETRICS = "application/openmetrics-text; version=1.0.0"

LABELS = {
    "transport", "encoding", "code", "method", "namespace", "outcome", "route", "status", "reason", "consumer",
    "carrier", "publisher", "sink", "kind", "part", "state", "version", "generation", "begun", "le",
}  # fmt: skip
"""All of closed sets: codes, configured names, templates. A new one has to be thought about."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def node(shared_redis: RedisServer) -> AsyncIterator[NodeProcess]:
    async with running_server(everything(shared_redis.port)) as running:
        yield running


async def test_every_measure_is_in_the_catalogue(node: NodeProcess) -> None:
    measures = (await node.api.call("info"))["nodes"][0]["metrics"]["items"]
    assert len(measures) > 100
    assert [name for name in measures if entry_of(name, VALUES)[0] is None] == []
    text = (await scraped(node)).body.decode()
    assert value_of(text, "syncline_measures_unlisted") == 0


async def test_every_metric_has_help_and_none_is_there_twice(node: NodeProcess) -> None:
    text = (await scraped(node)).body.decode()
    metrics = metrics_of(text)
    assert {metric.name for metric in metrics.values() if not metric.documentation} == set()
    lines = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
    assert len(lines) == len(series_of(text))
    assert {label for metric in metrics.values() for sample in metric.samples for label in sample.labels} <= LABELS


async def test_promtool_has_nothing_to_say(node: NodeProcess) -> None:
    text = (await scraped(node)).body
    process = await asyncio.create_subprocess_exec(
        "promtool", "check", "metrics", stdin=-1, stdout=-1, stderr=asyncio.subprocess.STDOUT
    )
    said, _ = await process.communicate(text)
    assert (process.returncode, said) == (0, b"")


async def test_openmetrics_for_who_asks_for_it(node: NodeProcess) -> None:
    plain, fancy = await scraped(node), await scraped(node, OPENMETRICS)
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert fancy.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert fancy.body.endswith(b"# EOF\n")
    assert b"# UNIT syncline_flush_duration_seconds seconds\n" in fancy.body


async def test_what_has_happened_is_counted(node: NodeProcess) -> None:
    await node.api.publish("chat:room")
    text = (await scraped(node)).body.decode()
    assert value_of(text, 'syncline_publications_total{namespace="chat"}') == 1
    route = 'syncline_http_request_duration_seconds_count{method="POST",route="/api/publish",status="2xx"}'
    assert value_of(text, route) == 1
    assert value_of(text, 'syncline_consumer_attached{carrier="rabbitmq",consumer="rabbits"}') == 0
    assert value_of(text, "syncline_engine_round_trip_seconds_count") > 0
    assert value_of(text, "process_resident_memory_bytes") > 10_000_000


async def test_a_path_with_variables_is_its_template(node: NodeProcess) -> None:
    for sid in ("0195", "0196"):
        assert (await node.api.request("DELETE", f"/v1/sessions/{sid}")).status == 401
    text = (await scraped(node)).body.decode()
    series = 'syncline_http_request_duration_seconds_count{method="DELETE",route="/v1/sessions/{sid}",status="4xx"}'
    assert value_of(text, series) == 2
    assert "0195" not in text
