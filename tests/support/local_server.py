"""A hub and its edges inside the test's own event loop, on a real port: quick to start, and open to look into."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from api.config import EdgeConfig, ListenConfig, ServerAPIConfig, WebSocketConfig
from api.events import EventsEndpoint
from api.server import Server
from hub.clock import SystemClock
from hub.config import ChannelConfig, ChannelOptions, ClientConfig, HubConfig, TokenConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.relay.intake import Intake
from hub.relay.routing import Router
from hub.supervisor import Supervisor
from observability.loop_lag import LoopLag
from tests.support.api_client import API_KEY, APIClient
from tests.support.patience import eventually
from tests.support.ports import free_port
from tests.support.raw_client import RawClient, raw_client
from tests.support.tokens import SECRET, connection_token

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.relay.config import RoutingConfig
    from hub.tokens.jwks import Fetch
    from hub.tracing import Tracer

HOST = "127.0.0.1"

OPEN = ChannelOptions(
    allow_subscribe_for_client=True,
    allow_subscribe_for_anonymous=True,
    allow_publish_for_client=True,
    allow_publish_for_anonymous=True,
)
"""Anybody may subscribe and publish; no history, no presence."""

FULL = replace(
    OPEN,
    presence=True,
    join_leave=True,
    force_push_join_leave=True,
    force_recovery=True,
    history_size=100,
    history_ttl_s=300,
    allow_presence_for_client=True,
    allow_presence_for_anonymous=True,
    allow_history_for_client=True,
    allow_history_for_anonymous=True,
)
"""Everything a channel can do, for anybody."""


def hub_config(
    channel: ChannelOptions = OPEN, namespaces: dict[str, ChannelOptions] | None = None, **client: Any
) -> HubConfig:
    """A configuration that lets anonymous clients in and knows SECRET; `client` are options of ClientConfig."""
    known: dict[str, Any] = {
        "allow_anonymous_connect_without_token": True,
        "token": TokenConfig(hmac_secrets=((SECRET, 0),)),
    }
    return HubConfig(
        client=ClientConfig(**(known | client)),
        channel=ChannelConfig(without_namespace=channel, namespaces=namespaces or {}),
    )


def edge_config(**websocket: Any) -> EdgeConfig:
    """A configuration whose API has API_KEY; `websocket` are options of WebSocketConfig."""
    return EdgeConfig(websocket=WebSocketConfig(**websocket), server_api=ServerAPIConfig(key=API_KEY))


class LocalServer:
    """What a test has of a running server."""

    def __init__(
        self, hub: Hub, engine: MemoryEngine, server: Server, listen: ListenConfig, clients: AsyncExitStack
    ) -> None:
        self.hub = hub
        self.engine = engine
        self.server = server
        self.port = listen.port
        self.http_url = f"http://{HOST}:{listen.port}"
        self.ws_url = f"ws://{HOST}:{listen.port}/connection/websocket"
        self.api = APIClient(self.http_url, API_KEY)
        self._clients = clients

    async def client(self, **options: Any) -> RawClient:
        """A client that has not said anything yet; closed with the server. `options` as of raw_client."""
        return await self._clients.enter_async_context(await raw_client(self.ws_url, **options))

    async def connected(self, user: str = "", *, options: dict[str, Any] | None = None, **connect: Any) -> RawClient:
        """A client that is connected, with a token unless it is anonymous."""
        client = await self.client(**(options or {}))
        if user and "token" not in connect:
            connect["token"] = connection_token(user)
        await client.call("connect", **connect)
        return client

    async def subscribed(self, *channels: str, user: str = "", **subscribe: Any) -> RawClient:
        """A client that is connected and subscribed."""
        client = await self.connected(user)
        for channel in channels:
            await client.call("subscribe", channel=channel, **subscribe)
        return client

    async def streamed(self, channel: str, count: int) -> str:
        """Publish the numbers 1 to `count`, each at the offset of the same number; the epoch."""
        commands = [{"publish": {"channel": channel, "data": n}} for n in range(1, count + 1)]
        replies = (await self.api.call("batch", commands=commands))["replies"]
        assert [reply["publish"]["offset"] for reply in replies] == list(range(1, count + 1))
        epoch: str = replies[0]["publish"]["epoch"]
        return epoch

    async def forgotten(self) -> None:
        """Wait until the server holds nothing of any client any more."""
        await eventually(lambda: not self.server.admission.num_open and not self.hub.registry.num_clients)
        await eventually(lambda: not self.hub.index.channels)


@asynccontextmanager
async def local_server(
    config: HubConfig | None = None,
    edge: EdgeConfig | None = None,
    fetch: Fetch | None = None,
    events: RoutingConfig | None = None,
    tracer: Tracer | None = None,
) -> AsyncIterator[LocalServer]:
    """Serve in this event loop. When it ends, no task and no connection of it may be left.

    A listen configuration without a port gets the loopback address and a free one. `fetch` gets a JWKS document;
    `events` says where CloudEvents over HTTP go; `tracer` follows requests and publications.
    """
    edge = edge or edge_config()
    if edge.listen == ListenConfig():
        edge = replace(edge, listen=ListenConfig(address=HOST, port=free_port()))
    before = asyncio.all_tasks()
    clock, lag = SystemClock(), LoopLag()
    engine = MemoryEngine(clock)
    hub = Hub(config or hub_config(), engine, clock, fetch)
    hub.tracer = tracer
    server = Server(hub, edge, lambda: lag.current_s(asyncio.get_running_loop().time()))
    server.tracer = tracer
    if events is not None:
        router = Router(events, hub.config.channel, "events")
        server.events = EventsEndpoint(edge.events, edge.server_api, router, Intake(hub))
    async with Supervisor() as supervisor:
        for name, work in (*hub.tasks(), ("engine.memory", engine.run()), ("loop_lag", lag.run())):
            supervisor.start(name, work)
        num_tasks = len(supervisor.task_names)
        await server.start()
        try:
            async with AsyncExitStack() as clients:
                yield LocalServer(hub, engine, server, edge.listen, clients)
            await eventually(lambda: not server.admission.num_open)
            assert len(supervisor.task_names) == num_tasks, "a background task ended by itself"
            assert not hub.counters.handler_failures, "a command failed by our own fault"
        finally:
            await server.close()
    await eventually(lambda: _no_tasks_beside(before))


def _no_tasks_beside(before: set[asyncio.Task[Any]]) -> bool:
    left = asyncio.all_tasks() - before - {asyncio.current_task()}
    assert not left, f"tasks left behind: {left}"
    return True
