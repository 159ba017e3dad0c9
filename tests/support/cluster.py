"""Several nodes on one Redis: as processes of their own, or in the test's event loop, open to look into."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from api.config import ListenConfig
from api.server import Server
from hub.clock import SystemClock
from hub.engines.redis.config import Address, RedisConfig
from hub.engines.redis.engine import RedisEngine, open_redis_engine
from hub.hub import Hub
from hub.supervisor import Supervisor
from tests.support.api_client import API_KEY, APIClient
from tests.support.local_server import HOST, edge_config, hub_config
from tests.support.patience import PATIENCE_S, eventually
from tests.support.ports import free_port
from tests.support.raw_client import RawClient, raw_client
from tests.support.server import NodeProcess, running_server
from tests.support.tokens import connection_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.config import HubConfig
    from tests.support.server import Config


def redis_section(port: int, prefix: str, **options: Any) -> Config:
    """`engine` of a configuration whose nodes meet there."""
    return {"type": "redis", "redis": {"address": f"{HOST}:{port}", "prefix": prefix, **options}}


def new_prefix() -> str:
    """For a hub of its own on a Redis that others use as well."""
    return f"test-{uuid.uuid4().hex[:12]}"


@asynccontextmanager
async def running_cluster(config: Config, redis_port: int, count: int = 2) -> AsyncIterator[list[NodeProcess]]:
    """Node processes that know each other and are gone afterwards."""
    shared = {**config, "engine": redis_section(redis_port, new_prefix())}
    async with AsyncExitStack() as stack:
        opening = [stack.enter_async_context(running_server(shared)) for _ in range(count)]
        nodes = [await node for node in opening]
        await know_each_other(nodes)
        yield nodes


async def know_each_other(nodes: list[NodeProcess]) -> None:
    """Wait until every node lists all."""

    async def all_listed() -> bool:
        listed = [await node.api.call("info") for node in nodes]
        return all(len(info["nodes"]) == len(nodes) for info in listed)

    await eventually(all_listed)


async def connected(node: NodeProcess | LocalNode, user: str, stack: AsyncExitStack, **claims: Any) -> RawClient:
    """A client of that user, closed with the stack."""
    client = await stack.enter_async_context(await raw_client(node.ws_url))
    await client.call("connect", token=connection_token(user, **claims))
    return client


@dataclass
class LocalNode:
    """One node in this event loop."""

    hub: Hub
    engine: RedisEngine
    port: int
    clients: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.ws_url = f"ws://{HOST}:{self.port}/connection/websocket"
        self.api = APIClient(f"http://{HOST}:{self.port}", API_KEY)

    async def connected(self, user: str) -> RawClient:
        return await connected(self, user, self.clients)

    async def subscribed(self, user: str, *channels: str) -> RawClient:
        client = await self.connected(user)
        for channel in channels:
            await client.call("subscribe", channel=channel)
        return client


@asynccontextmanager
async def local_node(redis_port: int, prefix: str, config: HubConfig | None = None) -> AsyncIterator[LocalNode]:
    """A node that is ready and has announced itself."""
    clock, uid = SystemClock(), str(uuid.uuid4())
    edge = replace(edge_config(), listen=ListenConfig(address=HOST, port=free_port()))
    redis = RedisConfig(addresses=(Address(HOST, redis_port),), prefix=prefix)
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(open_redis_engine(redis, clock, node_uid=uid))
        hub = Hub(config or hub_config(), engine, clock, uid=uid)
        server = Server(hub, edge, lambda: 0.0)
        supervisor = await stack.enter_async_context(Supervisor())
        for name, work in (*engine.tasks(), *hub.tasks()):
            supervisor.start(name, work)
        async with asyncio.timeout(PATIENCE_S):
            await engine.ready()
        await hub.announce()
        await server.start()
        stack.push_async_callback(server.close)
        node = LocalNode(hub, engine, edge.listen.port)
        async with node.clients:
            yield node
        await eventually(lambda: not server.admission.num_open)


@asynccontextmanager
async def local_nodes(
    redis_port: int, count: int = 2, config: HubConfig | None = None
) -> AsyncIterator[list[LocalNode]]:
    """Nodes that know each other."""
    prefix = new_prefix()
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(local_node(redis_port, prefix, config)) for _ in range(count)]
