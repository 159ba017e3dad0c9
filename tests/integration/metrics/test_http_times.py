"""Requests by method, route and class of status; and the endpoint itself."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from api import metrics as endpoint
from api.http_times import HttpTimes
from api.metrics import MetricsEndpoint
from api.server import Server
from observability.metrics.snapshot import Snapshot, snapshot_of
from tests.support import local_server as world
from tests.support.local_server import local_server
from tests.support.patience import eventually

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.hub import Hub

PREFIX = "http_request_s."


class MeasuringServer(Server):
    """A server whose requests are measured from its first one on."""

    def __init__(self, hub: Hub, *args: Any, **options: Any) -> None:
        super().__init__(hub, *args, **options)
        self.http_times = HttpTimes(hub)
        self.metrics = MetricsEndpoint("/metrics", lambda: _alone(hub))


async def _alone(hub: Hub) -> Mapping[str, Snapshot]:
    return {"": snapshot_of(hub)}


@pytest.fixture(autouse=True)
def _measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "Server", MeasuringServer)


def counts(hub: Hub) -> dict[str, int]:
    return {
        name.removeprefix(PREFIX): histogram.count
        for name, histogram in hub.histograms.items()
        if name.startswith(PREFIX)
    }


async def test_requests_are_counted_by_what_they_are_and_not_by_what_they_say() -> None:
    async with local_server() as server:
        await server.api.publish("news")
        await server.api.post("/api/publish", b"no JSON")
        await server.api.request("POST", "/api/publish")
        for path in ("/nobody", "/nobody/else", "/api/made_up"):
            await server.api.request("GET", path)
        await server.api.request("DELETE", "/api/publish")
        await server.api.request("PROPFIND", "/nobody")
        assert counts(server.hub) == {
            "POST|/api/publish|2xx": 1,
            "POST|/api/publish|4xx": 2,
            "GET|-|4xx": 3,
            "DELETE|-|4xx": 1,
            "_OTHER|-|4xx": 1,
        }


async def test_a_websocket_is_no_request_and_one_that_is_refused_is() -> None:
    async with local_server() as server:
        client = await server.connected()
        await client.leave()
        await eventually(lambda: not server.server.admission.num_open)
        assert counts(server.hub) == {}
        answer = await server.api.request("GET", "/connection/websocket")
        assert answer.status >= 400
        assert counts(server.hub) == {"GET|/connection/websocket|4xx": 1}


async def test_more_scrapes_than_a_node_has_time_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endpoint, "MAX_AT_ONCE", 1)
    gate = asyncio.Event()

    async def collect() -> Mapping[str, Snapshot]:
        await gate.wait()
        return {"": Snapshot({}, {})}

    async with local_server() as server:
        metrics = metrics_of(server.server)
        monkeypatch.setattr(metrics, "_collect", collect)
        async with asyncio.TaskGroup() as group:
            first = group.create_task(server.api.request("GET", "/metrics"))
            await eventually(lambda: metrics._num_running)  # nothing else tells that it has begun
            refused = await server.api.request("GET", "/metrics")
            gate.set()
        assert (first.result().status, refused.status, refused.headers["retry-after"]) == (200, 503, "1")
        assert metrics.measures() == {"metrics_scrapes": 1, "metrics_scrapes_refused": 1}


def metrics_of(server: Server) -> MetricsEndpoint:
    assert server.metrics is not None
    return server.metrics
