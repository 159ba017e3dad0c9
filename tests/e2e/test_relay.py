"""A node as it is run, with what its configuration file says about consumers and events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.support.patience import eventually
from tests.support.redis_streams import add_seqs, has_pending
from tests.support.server import running_server

if TYPE_CHECKING:
    from tests.support.redis import RedisServer
    from tests.support.server import NodeProcess

EVENT = {"Content-Type": "application/cloudevents+json"}


def config_of(server: RedisServer) -> dict[str, Any]:
    return {
        "channel": {"namespaces": [{"name": "orders", "history_size": 100, "history_ttl": "60s"}]},
        "consumers": [
            {
                "name": "orders",
                "type": "redis_stream",
                "redis_stream": {"address": [server.url], "streams": ["orders"]},
                "routes": [{"channels": ["orders:{data.key}"]}],
            }
        ],
        "events": {"enabled": True, "routes": [{"channels": ["orders:{data.key}"], "when": {"type": "order.*"}}]},
    }


async def seqs(node: NodeProcess, channel: str) -> list[int]:
    history = await node.api.call("history", channel=channel, limit=100)
    return [publication["data"]["seq"] for publication in history["publications"]]


async def test_a_configured_node_publishes_what_a_stream_and_http_bring(redis_server: RedisServer) -> None:
    async with running_server(config_of(redis_server)) as node:
        await add_seqs(redis_server, "a", range(5))

        async def has_all() -> bool:
            return await seqs(node, "orders:a") == list(range(5))

        await eventually(has_all)
        event = {"specversion": "1.0", "id": "1", "source": "/s", "type": "order.made", "data": {"key": "b", "seq": 1}}
        assert (await node.api.post("/v1/events", event, EVENT)).json == {"accepted": 1}
        assert await seqs(node, "orders:b") == [1]
        assert (await node.api.request("GET", "/readyz")).json["consumers"]["orders"]["ok"] is True
        items = (await node.api.call("info"))["nodes"][0]["metrics"]["items"]
        assert items["redis_acknowledged.orders"] == 5
        assert (items["relay_accepted"], items["relay_detached"]) == (6, 0)


async def test_events_are_taken_beside_the_rest_api() -> None:
    """Both are under /v1."""
    config: dict[str, Any] = {
        "accounts": {"enabled": True, "secret_key": "s" * 40},
        "events": {"enabled": True, "routes": [{"channels": ["news"]}]},
    }
    async with running_server(config) as node:
        assert (await node.api.post("/v1/events", {"seq": 1})).json == {"accepted": 1}
        assert (await node.api.request("GET", "/v1/me")).status == 401


async def test_f2_a_node_that_is_told_to_end_leaves_nothing_unacknowledged(redis_server: RedisServer) -> None:
    async with running_server(config_of(redis_server)) as node:
        await add_seqs(redis_server, "a", range(100))
        node.terminate()
        assert await node.ended() == 0
        assert "consumer" not in node.log
    await has_pending(redis_server, 0)
