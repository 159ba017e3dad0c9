"""Sources over one Redis, and somebody who adds to their streams."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from hub.engines.redis.config import Address, RedisConfig
from hub.relay.redis.config import RedisPubSubConfig, RedisStreamConfig
from hub.relay.redis.pubsub import RedisPubSubSource
from hub.relay.redis.streams import RedisStreamSource
from hub.relay.routing import Router
from tests.support.patience import eventually
from tests.support.relay_world import CHANNELS, ROUTING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hub.relay.config import RoutingConfig
    from tests.support.redis import RedisServer
    from tests.support.relay_world import RelayWorld

STREAM = "orders"


def redis_at(server: RedisServer, port: int = 0) -> RedisConfig:
    """Through the port of a proxy, if one is given."""
    return RedisConfig(addresses=(Address(server.host, port or server.port),))


def addresses_of(texts: Iterable[str]) -> tuple[Address, ...]:
    """Of `host:port` each."""
    return tuple(Address(host, int(port)) for host, port in (text.split(":") for text in texts))


def stream_config(server: RedisServer, port: int = 0, **options: Any) -> RedisStreamConfig:
    return replace(RedisStreamConfig(name="orders", redis=redis_at(server, port), streams=(STREAM,)), **options)


def stream_source(
    world: RelayWorld, config: RedisStreamConfig, node: str = "node-1", routing: RoutingConfig = ROUTING
) -> RedisStreamSource:
    router = Router(routing, CHANNELS, config.name)
    return RedisStreamSource(config, router, world.intake, world.clock, owner=f"{node} uid", node_name=node)


def pubsub_source(
    world: RelayWorld, config: RedisPubSubConfig, node: str = "node-1", routing: RoutingConfig = ROUTING
) -> RedisPubSubSource:
    router = Router(routing, CHANNELS, config.name)
    return RedisPubSubSource(config, router, world.intake, world.clock, owner=f"{node} uid")


async def add(server: RedisServer, payload: object, stream: str = STREAM, **fields: str) -> str:
    """One entry; bytes go as they are, anything else as JSON."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload)
    parts = [part for name, value in fields.items() for part in (name.replace("_", "-"), value)]
    return str(await server.execute("XADD", stream, "*", "payload", body, *parts))


async def add_seqs(server: RedisServer, key: str, seqs: Iterable[int], stream: str = STREAM) -> None:
    for seq in seqs:
        await add(server, {"key": key, "seq": seq}, stream)


async def num_pending(server: RedisServer, stream: str = STREAM, group: str = "syncline") -> int:
    summary = await server.execute("XPENDING", stream, group)
    return int(summary["pending"] if isinstance(summary, dict) else summary[0])


async def has_pending(server: RedisServer, count: int, stream: str = STREAM) -> None:
    async def check() -> bool:
        return await num_pending(server, stream) == count

    await eventually(check)
