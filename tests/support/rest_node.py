"""A whole node in the test's event loop, with people who have accounts on it, and REST as a program calls it."""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

from api.config import ConsoleConfig, EdgeConfig, ListenConfig, RestConfig, WebSocketConfig
from api.rest.routes import RestServices, rest_application
from api.server import Server
from composition.config import PlatformConfig
from composition.operations import NodeOperations
from composition.platform import open_platform
from composition.relay import open_relay
from composition.relay_reader import NodeRelays
from hub.clock import SystemClock
from hub.config import ChannelConfig, ChannelOptions, HubConfig
from hub.engines.memory import MemoryEngine
from hub.engines.redis.engine import open_redis_engine
from hub.hub import Hub
from hub.relay.consumer_config import RelayConfig
from hub.supervisor import Supervisor
from services.accounts.config import AccountsConfig, PasswordHashConfig
from services.accounts.user import Role
from services.operations.channels import with_operations_namespace
from services.operations.views import SettingView
from sessions.channels import with_session_namespaces
from sessions.config import SessionsConfig
from tests.support.api_client import Answer, APIClient
from tests.support.patience import PATIENCE_S
from tests.support.ports import free_port
from tests.support.raw_client import RawClient, raw_client

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping

    from api.rest.application import RestApplication
    from composition.platform import Platform
    from hub.clock import Clock
    from hub.engine import Engine
    from hub.engines.redis.config import RedisConfig
    from services.operations.ports import LogStore, TraceStore
    from storage.config import StorageConfig

HOST = "127.0.0.1"

PAGE = "https://app.example.com"
"""The origin of a page that is allowed."""

NODE_NAME = "node-a"

PASSWORD = "correct horse battery staple"

GUARD = {"X-Syncline": "1"}

CHEAP = PasswordHashConfig(memory_kib=8, iterations=1)
"""What a hash costs is tested elsewhere."""

NEWS = ChannelOptions(presence=True, history_size=10, history_ttl_s=60, allow_subscribe_for_client=True)
"""The namespace `news`: what channels can have, for operators to look at."""

CHANNELS = with_operations_namespace(with_session_namespaces(ChannelConfig(namespaces={"news": NEWS})))

SETTINGS = (SettingView(key="node.name", value="a", default="", source="flag", description="Its name."),)

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

    def __init__(
        self, hub: Hub, platform: Platform, rest: RestApplication, port: int, operations: NodeOperations
    ) -> None:
        self.hub = hub
        self.platform = platform
        self.rest = rest
        self.operations = operations
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
    relay: RelayConfig | None = None,
    redis: RedisConfig | None = None,
    internal_port: int = 0,
    lines: LogStore | None = None,
    traces: TraceStore | None = None,
    **platform: Any,
) -> AsyncIterator[RestNode]:
    """Serve until it ends; no background task may have ended by itself.

    Args:
        redis: where it meets others; alone without.
        lines, traces: what it keeps for operators.
        platform: members of PlatformConfig.
    """
    clock = clock or SystemClock()
    config = PlatformConfig(
        storage=storage,
        accounts=accounts or AccountsConfig(secret=b"a" * 32, password_hash=CHEAP),
        sessions=sessions or SessionsConfig(secret=b"s" * 32),
        **platform,
    )
    edge = EdgeConfig(
        listen=ListenConfig(address=HOST, port=free_port(), internal_port=internal_port),
        websocket=WebSocketConfig(allowed_origins=rest.allowed_origins),
        rest=rest,
        console=ConsoleConfig(is_enabled=True),
    )
    uid = str(uuid.uuid4())
    async with AsyncExitStack() as stack:
        engine, ready = await stack.enter_async_context(_engine(redis, clock, uid))
        hub = Hub(HubConfig(channel=CHANNELS, node_name=NODE_NAME), engine, clock, _no_fetch, uid=uid)
        opened = await stack.enter_async_context(open_platform(config, hub, clock, _no_fetch))
        relay = relay or RelayConfig()
        relays = NodeRelays(hub, relay, open_relay(relay, edge, hub, clock), opened.outbox)
        operations = NodeOperations(hub, lambda: 0.0, relays=relays, logs=lines, traces=traces)
        services = replace(_services(opened, config), operations=operations.open_console(opened, relay, SETTINGS))
        application = rest_application(services, edge.rest, clock)
        server = Server(hub, edge, lambda: 0.0, rest=application, storage_age_s=opened.watch.age_s)
        supervisor = await stack.enter_async_context(Supervisor())
        for name, work in (*hub.tasks(), *ready.tasks, *opened.tasks(), *operations.tasks()):
            supervisor.start(name, work)
        num_tasks = len(supervisor.task_names)
        stack.push_async_callback(server.close)
        async with asyncio.timeout(PATIENCE_S):
            await ready.wait()
        await server.start()
        operations.local.health = server.health.report
        await hub.announce()
        yield RestNode(hub, opened, application, edge.listen.port, operations)
        await asyncio.sleep(0)
        assert len(supervisor.task_names) == num_tasks, "a background task ended by itself"


class _Ready(NamedTuple):
    """What an engine needs to run, and how to wait until it does."""

    tasks: list[tuple[str, Coroutine[object, object, None]]]
    wait: Callable[[], Awaitable[None]]


@asynccontextmanager
async def _engine(redis: RedisConfig | None, clock: Clock, uid: str) -> AsyncIterator[tuple[Engine, _Ready]]:
    if redis is None:
        memory = MemoryEngine(clock)
        yield memory, _Ready([("engine", memory.run())], _at_once)
        return
    async with open_redis_engine(redis, clock, node_uid=uid) as engine:
        yield engine, _Ready(list(engine.tasks()), engine.ready)


async def _at_once() -> None:
    """Nothing to wait for."""


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
