"""A whole node in the test's event loop, with people who have accounts on it, and REST as a program calls it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from api.config import EdgeConfig, ListenConfig, RestConfig, WebSocketConfig
from api.rest.routes import RestServices, rest_application
from api.server import Server
from composition.config import PlatformConfig
from composition.platform import open_platform
from hub.clock import SystemClock
from hub.config import ChannelConfig, HubConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.supervisor import Supervisor
from services.accounts.config import AccountsConfig, PasswordHashConfig
from services.accounts.user import Role
from sessions.channels import with_session_namespaces
from sessions.config import SessionsConfig
from tests.support.api_client import Answer, APIClient
from tests.support.ports import free_port
from tests.support.raw_client import RawClient, raw_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from api.rest.application import RestApplication
    from composition.platform import Platform
    from hub.clock import Clock
    from storage.config import StorageConfig

HOST = "127.0.0.1"

PAGE = "https://app.example.com"
"""The origin of a page that is allowed."""

PASSWORD = "correct horse battery staple"

GUARD = {"X-Syncline": "1"}

CHEAP = PasswordHashConfig(memory_kib=8, iterations=1)
"""What a hash costs is tested elsewhere."""

UNLIMITED = RestConfig(allowed_origins=(PAGE,), rate_per_address_per_s=0, rate_per_user_per_s=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody with an account, logged in on one device."""

    email: str
    id: str
    sid: str
    device: dict[str, str]
    access_token: str
    refresh_token: str
    role: Role

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access_token}"}


class RestNode:
    """What a test has of it. `request` is of APIClient: nothing added, every call on a connection of its own."""

    def __init__(self, hub: Hub, platform: Platform, rest: RestApplication, port: int) -> None:
        self.hub = hub
        self.platform = platform
        self.rest = rest
        self.port = port
        self.http_url = f"http://{HOST}:{port}"
        self.ws_url = f"ws://{HOST}:{port}/connection/websocket"
        client = APIClient(self.http_url, "")
        self.request = client.request
        self.exchange = client.exchange
        self._numbers = count(1)

    async def call(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        by: Person | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request; a body that is no bytes goes as JSON."""
        sent = dict(by.bearer if by else {})
        if body is not None:
            sent["Content-Type"] = "application/json"
        return await self.request(method, path, body, sent | dict(headers or {}))

    def device(self) -> dict[str, str]:
        """A device that is not known yet."""
        return {"id": f"device-{next(self._numbers):04}-0123456789abcdef"}

    async def person(self, email: str = "", role: Role = Role.CUSTOMER) -> Person:
        """Somebody new, logged in in token mode."""
        email = email or f"person-{next(self._numbers)}@example.com"
        await self.platform.accounts.create(email, PASSWORD, "Somebody", role)
        return await self.logged_in(email)

    async def logged_in(self, email: str, device: dict[str, str] | None = None) -> Person:
        """Somebody who has an account, logged in once more."""
        device = device or self.device()
        body = {"email": email, "password": PASSWORD, "device": device, "mode": "token"}
        answer = await self.call("POST", "/v1/login", body)
        assert answer.status == 200, answer
        tokens = answer.json
        return Person(
            email=email,
            id=tokens["user"]["id"],
            sid=tokens["session"]["id"],
            device=device,
            access_token=tokens["access_token"],
            refresh_token=tokens["refresh_token"],
            role=Role(tokens["user"]["role"]),
        )

    async def cookie_log_in(self, email: str, headers: Mapping[str, str] | None = None) -> Answer:
        body = {"email": email, "password": PASSWORD, "device": self.device(), "mode": "cookie"}
        return await self.call("POST", "/v1/login", body, headers=GUARD if headers is None else headers)

    async def connected(self, person: Person) -> RawClient:
        """A live connection of somebody: `async with await node.connected(ann) as client:`."""
        client = await raw_client(self.ws_url)
        await client.call("connect", token=person.access_token)
        return client


@asynccontextmanager
async def rest_node(
    storage: StorageConfig,
    *,
    rest: RestConfig = UNLIMITED,
    accounts: AccountsConfig | None = None,
    sessions: SessionsConfig | None = None,
    clock: Clock | None = None,
    **platform: Any,
) -> AsyncIterator[RestNode]:
    """Serve until it ends; no background task may have ended by itself. `platform` are members of PlatformConfig."""
    clock = clock or SystemClock()
    config = PlatformConfig(
        storage=storage,
        accounts=accounts or AccountsConfig(secret=b"a" * 32, password_hash=CHEAP),
        sessions=sessions or SessionsConfig(secret=b"s" * 32),
        **platform,
    )
    edge = EdgeConfig(
        listen=ListenConfig(address=HOST, port=free_port()),
        websocket=WebSocketConfig(allowed_origins=rest.allowed_origins),
        rest=rest,
    )
    engine = MemoryEngine(clock)
    hub = Hub(HubConfig(channel=with_session_namespaces(ChannelConfig())), engine, clock, _no_fetch)
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_platform(config, hub, clock, _no_fetch))
        application = rest_application(_services(opened, config), edge.rest, clock)
        server = Server(hub, edge, lambda: 0.0, rest=application, storage_age_s=opened.watch.age_s)
        supervisor = await stack.enter_async_context(Supervisor())
        for name, work in (*hub.tasks(), ("engine", engine.run()), *opened.tasks()):
            supervisor.start(name, work)
        num_tasks = len(supervisor.task_names)
        stack.push_async_callback(server.close)
        await server.start()
        yield RestNode(hub, opened, application, edge.listen.port)
        await asyncio.sleep(0)
        assert len(supervisor.task_names) == num_tasks, "a background task ended by itself"


def _services(platform: Platform, config: PlatformConfig) -> RestServices:
    return RestServices(
        accounts=platform.accounts,
        sessions=platform.sessions,
        documents=platform.documents,
        audit=platform.audit,
        keys=platform.keys,
        logout=platform.logout,
        events=platform.events,
        max_document_bytes=config.sessions.state.max_document_bytes,
    )


async def _no_fetch(url: str) -> bytes:
    raise AssertionError(f"nobody asks for {url}")


def limited(**changes: Any) -> RestConfig:
    """A configuration with the page allowed and these changes."""
    return replace(UNLIMITED, **changes)
