"""Health checks and where the server listens."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from api.config import DrainConfig, HealthConfig, ListenConfig
from hub.errors import EngineUnavailable
from hub.relay.source import SourceHealth
from tests.support.api_client import API_KEY, APIClient
from tests.support.local_server import HOST, edge_config, hub_config
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.raw_client import Close
from tests.support.wire import deaf_socket

if TYPE_CHECKING:
    from tests.integration.conftest import Serve
    from tests.support.local_server import LocalServer


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/startupz"])
async def test_well_server_says_so_to_anybody(server: LocalServer, path: str) -> None:
    answer = await server.api.request("GET", path)
    assert answer.status == 200
    assert answer.json["status"] == "ok"
    assert answer.headers["cache-control"] == "no-store"


async def test_centrifugos_health_is_there_where_enabled(serve: Serve) -> None:
    off = await serve()
    assert (await off.api.request("GET", "/health")).status == 404
    on = await serve(hub_config(), replace(edge_config(), health=HealthConfig(is_enabled=True)))
    answer = await on.api.request("GET", "/health")
    assert (answer.status, answer.json) == (200, {})


async def test_engine_that_does_not_answer_is_unready_but_alive(
    server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise EngineUnavailable("gone")

    monkeypatch.setattr(server.engine, "nodes", fail)
    answer = await server.api.request("GET", "/readyz")
    assert answer.status == 503
    assert answer.json["status"] == "unavailable"
    assert answer.json["checks"]["engine"]["ok"] is False
    assert answer.json["checks"]["engine"]["detail"] == "gone"
    assert (await server.api.request("GET", "/healthz")).status == 200


async def test_late_loop_is_unready_but_alive(serve: Serve) -> None:
    server = await serve(hub_config(), replace(edge_config(), health=HealthConfig(max_loop_lag_s=-1)))
    answer = await server.api.request("GET", "/readyz")
    assert (answer.status, answer.json["checks"]["loop"]["ok"]) == (503, False)
    assert (await server.api.request("GET", "/healthz")).status == 200


async def test_a_loop_that_was_blocked_is_unready_and_alive(server: LocalServer) -> None:
    """F4: the request comes while the loop stands still, and is the first thing that it does after that."""
    await eventually(lambda: server.server.health.is_started)
    asking = asyncio.create_task(server.api.request("GET", "/readyz"))
    await asyncio.sleep(0)
    block(2.0)
    answer = await asking
    assert (answer.status, answer.json["checks"]["loop"]["ok"]) == (503, False)
    assert "late" in answer.json["checks"]["loop"]["detail"]
    assert (await server.api.request("GET", "/healthz")).status == 200
    await eventually(lambda: is_ready(server))


def block(seconds: float) -> None:
    """A fault of ours: something that does not let go of the loop."""
    threading.Event().wait(seconds)


async def is_ready(server: LocalServer) -> bool:
    return (await server.api.request("GET", "/readyz")).status == 200


async def test_a_consumer_that_is_away_is_told_and_the_node_stays_ready(server: LocalServer) -> None:
    """F21: clients are served all the same."""
    sources = [SourceHealth("orders", False, 61.5, "connection refused"), SourceHealth("news", True, 3.0)]
    server.server.health.consumers = lambda: sources
    answer = await server.api.request("GET", "/readyz")
    assert (answer.status, answer.json["status"]) == (200, "degraded")
    assert answer.json["consumers"] == {
        "orders": {"ok": False, "age_ms": 61_500, "detail": "connection refused"},
        "news": {"ok": True, "age_ms": 3_000, "detail": ""},
    }


async def test_every_check_has_its_age_and_detail(server: LocalServer) -> None:
    checks = (await server.api.request("GET", "/readyz")).json["checks"]
    assert set(checks) == {"started", "not_draining", "loop", "engine"}
    for check in checks.values():
        assert check["ok"] is True
        assert check["age_ms"] >= 0
        assert check["detail"] == ""


async def test_stuck_loop_is_not_alive(server: LocalServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.health.STUCK_AFTER_S", -1)
    assert (await server.api.request("GET", "/healthz")).status == 503


async def test_draining_server_is_unready_but_alive_and_serves_on_until_the_pause_is_over(serve: Serve) -> None:
    server = await serve(hub_config(), replace(edge_config(), drain=DrainConfig(delay_s=3600, timeout_s=7200)))
    client = await server.subscribed("a")
    draining = asyncio.create_task(server.server.drain())
    try:
        await eventually(lambda: server.server.health.is_draining)
        answer = await server.api.request("GET", "/readyz")
        check = answer.json["checks"]["not_draining"]
        assert (answer.status, check["ok"], check["detail"]) == (503, False, "leaving")
        assert (await server.api.request("GET", "/healthz")).status == 200
        await server.subscribed("a")
        await server.api.publish("a", 1)
        assert await client.data("a", 1) == [1]
    finally:
        draining.cancel()
        await asyncio.gather(draining, return_exceptions=True)


async def test_drain_sends_every_connection_away_with_3001_and_takes_no_more(serve: Serve) -> None:
    server = await serve(hub_config(), replace(edge_config(), drain=DrainConfig(window_s=0.2)))
    clients = [await server.connected() for _ in range(20)]
    clients += [await server.client() for _ in range(5)]  # not connected yet, and told as well
    await server.server.drain()
    assert {await client.closing() for client in clients} == {Close(3001, "shutdown")}
    with pytest.raises(ConnectionRefusedError):
        await server.connected()


async def test_drain_does_not_wait_for_ever_for_one_that_does_not_answer(serve: Serve) -> None:
    server = await serve(hub_config(), replace(edge_config(), drain=DrainConfig(window_s=0.1, timeout_s=0.3)))
    async with deaf_socket(HOST, server.port) as deaf:
        await server.server.drain()
        await eventually(lambda: not server.server.admission.num_open)
        await deaf.hear()


# --- where ------------------------------------------------------------------------------------------------------------


async def test_without_an_address_it_listens_on_both_families(serve: Serve) -> None:
    port = free_port()
    await serve(hub_config(), replace(edge_config(), listen=ListenConfig(port=port)))
    for host in ("127.0.0.1", "[::1]"):
        assert (await APIClient(f"http://{host}:{port}", API_KEY).request("GET", "/healthz")).status == 200


async def test_address_narrows_it_to_one(serve: Serve) -> None:
    port = free_port()
    await serve(hub_config(), replace(edge_config(), listen=ListenConfig(address="::1", port=port)))
    assert (await APIClient(f"http://[::1]:{port}", API_KEY).request("GET", "/healthz")).status == 200
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_with_an_internal_port_the_public_one_tells_the_status_alone(serve: Serve) -> None:
    listen = ListenConfig(address=HOST, port=free_port(), internal_port=free_port())
    server = await serve(hub_config(), replace(edge_config(), listen=listen))
    internal = APIClient(f"http://{HOST}:{listen.internal_port}", API_KEY)
    for path in ("/healthz", "/readyz", "/startupz"):
        assert (await server.api.request("GET", path)).json == {"status": "ok"}
        assert (await internal.request("GET", path)).json["status"] == "ok"
    assert set((await internal.request("GET", "/readyz")).json["checks"]) == {
        "started",
        "not_draining",
        "loop",
        "engine",
    }
    server.server.health.draining()
    answer = await server.api.request("GET", "/readyz")
    assert (answer.status, answer.json) == (503, {"status": "unavailable"})
