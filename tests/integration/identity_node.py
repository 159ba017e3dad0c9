"""A whole node in the test's event loop, and an OpenID provider on another port of this machine."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import aiohttp
from aiohttp import web

from api.config import EdgeConfig, ListenConfig
from api.jwks_fetch import open_jwks_fetch
from api.rest.routes import RestServices, rest_application
from api.server import Server
from composition.config import PlatformConfig
from composition.platform import open_platform
from hub.clock import SystemClock
from hub.config import ChannelConfig, HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.supervisor import Supervisor
from services.accounts.config import AccountsConfig
from sessions.channels import with_session_namespaces
from sessions.config import SessionsConfig
from tests.support.identity_provider import BEARER_TOKEN, IdentityProvider
from tests.support.ports import free_port
from tests.support.raw_client import RawClient, raw_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from composition.platform import Platform
    from services.identity.config import IdentityProviderConfig
    from storage.config import StorageConfig

HOST = "127.0.0.1"
DEVICES = [f"device-{number}-0123456789abcdef" for number in range(10)]


class ServedProvider(IdentityProvider):
    """An IdentityProvider whose keys are behind HTTP; `hold` keeps its answers back."""

    def __init__(self, port: int) -> None:
        super().__init__(SystemClock(), f"http://{HOST}:{port}")
        self.asked = asyncio.Event()
        self._may_answer = asyncio.Event()
        self._may_answer.set()

    def hold(self) -> None:
        self._may_answer.clear()

    def release(self) -> None:
        self._may_answer.set()

    async def serve_keys(self, _request: web.Request) -> web.Response:
        self.fetches += 1
        self.asked.set()
        await self._may_answer.wait()
        if self.is_down:
            raise web.HTTPServiceUnavailable
        return web.Response(body=self.document(), content_type="application/json")


@dataclass(frozen=True)
class Answer:
    """A response, read."""

    status: int
    body: Any
    headers: Any


class IdentityNode:
    """The node, and short ways to use it as a frontend and as the provider."""

    def __init__(self, platform: Platform, provider: ServedProvider, port: int, clients: AsyncExitStack) -> None:
        self.platform = platform
        self.provider = provider
        self._url = f"http://{HOST}:{port}"
        self._clients = clients
        self._http: aiohttp.ClientSession

    async def open(self) -> None:
        self._http = await self._clients.enter_async_context(aiohttp.ClientSession(self._url))

    async def request(self, method: str, path: str, **options: Any) -> Answer:
        async with self._http.request(method, path, **options) as response:
            is_json = "json" in response.content_type
            return Answer(
                response.status, await response.json(content_type=None) if is_json else None, response.headers
            )

    async def log_in(self, token: str, device: str = DEVICES[0], issuer: str = "") -> Answer:
        body = {
            "issuer": issuer or self.provider.issuer,
            "token": token,
            "device": {"id": device},
            "mode": "token",
        }
        return await self.request("POST", "/v1/login/external", json=body)

    async def tokens(self, device: str = DEVICES[0], **claims: Any) -> Any:
        answer = await self.log_in(self.provider.id_token(**claims), device)
        assert answer.status == 200, answer
        return answer.body

    async def connected(self, tokens: Any) -> RawClient:
        client = await raw_client(self._url.replace("http", "ws") + "/connection/websocket")
        await self._clients.enter_async_context(client)
        await client.call("connect", token=tokens["access_token"])
        return client

    async def refresh(self, tokens: Any) -> Answer:
        return await self.request("POST", "/v1/token/refresh", json={"refresh_token": tokens["refresh_token"]})

    async def log_out(self, token: str) -> Answer:
        return await self.request("POST", "/v1/backchannel-logout", data={"logout_token": token})

    async def push(self, token: str, bearer: str = BEARER_TOKEN) -> Answer:
        headers = {"Content-Type": "application/secevent+jwt", "Accept": "application/json"}
        if bearer:
            headers["Authorization"] = f"Bearer {bearer}"
        return await self.request("POST", "/v1/security-events", data=token.encode(), headers=headers)


@asynccontextmanager
async def serve_provider() -> AsyncIterator[ServedProvider]:
    port = free_port()
    provider = ServedProvider(port)
    app = web.Application()
    app.router.add_get("/jwks.json", provider.serve_keys)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield provider
    finally:
        provider.release()
        await runner.cleanup()


@asynccontextmanager
async def serve_node(
    storage: StorageConfig, provider: ServedProvider, config: IdentityProviderConfig | None = None
) -> AsyncIterator[IdentityNode]:
    clock, port = SystemClock(), free_port()
    platform_config = PlatformConfig(
        storage=storage,
        sessions=SessionsConfig(secret=b"s" * 32),
        accounts=AccountsConfig(secret=b"a" * 32),
        identity_providers=(config or provider.config(),),
    )
    edge = EdgeConfig(listen=ListenConfig(address=HOST, port=port))
    async with AsyncExitStack() as stack:
        engine = MemoryEngine(clock)
        hub = Hub(HubConfig(channel=with_session_namespaces(ChannelConfig())), engine, clock)
        fetch = await stack.enter_async_context(open_jwks_fetch())
        platform = await stack.enter_async_context(open_platform(platform_config, hub, clock, fetch))
        supervisor = await stack.enter_async_context(Supervisor())
        for name, work in (("engine", engine.run()), *hub.tasks(), *platform.tasks()):
            supervisor.start(name, work)
        services = RestServices(
            accounts=platform.accounts,
            sessions=platform.sessions,
            documents=platform.documents,
            audit=platform.audit,
            keys=platform.keys,
            logout=platform.logout,
            events=platform.events,
            max_document_bytes=65_536,
        )
        server = Server(hub, edge, lambda: 0.0, rest=rest_application(services, edge.rest, clock))
        await server.start()
        stack.push_async_callback(server.close)
        clients = await stack.enter_async_context(AsyncExitStack())
        node = IdentityNode(platform, provider, port, clients)
        await node.open()
        yield node
