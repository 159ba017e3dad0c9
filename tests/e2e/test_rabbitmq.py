"""Nodes as they are run, which consume a queue of a real broker: what a client sees while they end and take over."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.support.patience import PATIENCE_S, eventually
from tests.support.rabbit_world import sender_at
from tests.support.server import running_server

if TYPE_CHECKING:
    from tests.support.rabbitmq import RabbitNames, RabbitServer
    from tests.support.redis import RedisServer
    from tests.support.server import NodeProcess


def config_of(server: RabbitServer, queue: str, **more: Any) -> dict[str, Any]:
    return {
        "channel": {"namespaces": [{"name": "orders", "history_size": 1_000, "history_ttl": "60s"}]},
        "consumers": [
            {
                "name": "orders",
                "type": "rabbitmq",
                "rabbitmq": {"url": server.url, "queue": queue},
                "routes": [{"channels": ["orders:{data.key}"]}],
            }
        ],
        **more,
    }


async def seqs(node: NodeProcess, channel: str) -> list[int]:
    history = await node.api.call("history", channel=channel, limit=1_000)
    return [publication["data"]["seq"] for publication in history["publications"]]


async def has_seqs(node: NodeProcess, channel: str, count: int) -> None:
    async def check() -> bool:
        return len(await seqs(node, channel)) >= count

    await eventually(check, 3 * PATIENCE_S)
    assert await seqs(node, channel) == list(range(count))


async def test_a_configured_node_publishes_what_a_queue_brings(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames
) -> None:
    queue = rabbitmq_names("orders")
    async with running_server(config_of(rabbitmq, queue)) as node, sender_at(rabbitmq.url) as sender:
        await eventually(lambda: is_attached(node))
        await sender.send_seqs(queue, "a", range(100))
        await has_seqs(node, "orders:a", 100)
        items = (await node.api.call("info"))["nodes"][0]["metrics"]["items"]
        assert (items["amqp_attached.orders"], items["amqp_received.orders"]) == (1, 100)


async def test_f2_a_node_that_is_told_to_end_leaves_the_rest_to_the_next(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, redis_server: RedisServer
) -> None:
    """In order: the next one begins when this one has finished what it was handing over."""
    queue = rabbitmq_names("orders")
    config = config_of(rabbitmq, queue, engine={"type": "redis", "redis": {"address": [redis_server.url]}})
    async with running_server(config) as first, running_server(config) as second, sender_at(rabbitmq.url) as sender:
        await eventually(lambda: is_attached(first))
        await eventually(lambda: is_attached(second))
        sending = asyncio.create_task(sender.send_seqs(queue, "a", range(600)))
        await eventually(lambda: has_begun(first))
        first.terminate()
        assert await first.ended(3 * PATIENCE_S) == 0
        await sending
        await has_seqs(second, "orders:a", 600)
        await sender.has_length(queue, 0)


async def test_f1_what_a_killed_node_had_in_hand_is_published_once_and_in_order_by_the_next(
    rabbitmq: RabbitServer, rabbitmq_names: RabbitNames, redis_server: RedisServer
) -> None:
    queue = rabbitmq_names("orders")
    config = config_of(rabbitmq, queue, engine={"type": "redis", "redis": {"address": [redis_server.url]}})
    async with running_server(config) as first, running_server(config) as second, sender_at(rabbitmq.url) as sender:
        await eventually(lambda: is_attached(first))
        await eventually(lambda: is_attached(second))
        sending = asyncio.create_task(sender.send_seqs(queue, "a", range(600)))
        await eventually(lambda: has_begun(first))
        first.kill()
        await sending
        await has_seqs(second, "orders:a", 600)
        await sender.has_length(queue, 0)


async def is_attached(node: NodeProcess) -> bool:
    consumers = (await node.api.request("GET", "/readyz")).json.get("consumers", {})
    return bool(consumers.get("orders", {}).get("ok"))


async def has_begun(node: NodeProcess) -> bool:
    return bool(await seqs(node, "orders:a"))
