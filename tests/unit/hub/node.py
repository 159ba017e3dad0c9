"""One node on a memory engine, with clients at hand."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from hub.config import ChannelConfig, ChannelOptions, ClientConfig, HubConfig, TokenConfig
from hub.engines.memory import MemoryEngine
from hub.hub import Hub
from hub.supervisor import Supervisor
from hub.tokens.signing import sign_connect, sign_subscribe
from tests.unit.hub.client import Client
from tests.unit.hub.virtual_time import virtual_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.engine import Engine
    from tests.support.clock import FakeClock

SECRET = "node-secret"

OPEN = ChannelOptions(
    allow_subscribe_for_client=True,
    allow_subscribe_for_anonymous=True,
    allow_publish_for_client=True,
    allow_publish_for_anonymous=True,
)
"""Anybody may subscribe and publish; no history, no presence."""


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


class Node:
    """A hub in the running virtual loop. Its background tasks run only inside `running`."""

    def __init__(self, config: HubConfig | None = None, engine: Engine | None = None) -> None:
        self.clock: FakeClock = virtual_loop().clock
        self.engine = engine or MemoryEngine(self.clock)
        self.hub = Hub(config or hub_config(), self.engine, self.clock)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Supervisor]:
        """With its background tasks."""
        async with Supervisor() as supervisor:
            for name, work in self.hub.tasks():
                supervisor.start(name, work)
            yield supervisor

    def client(self) -> Client:
        """A client that has not said anything yet."""
        return Client(self.hub)

    async def connected(self, user: str = "", **connect: object) -> Client:
        """A client that is connected, with a token unless it is anonymous."""
        client = self.client()
        if user:
            connect = {"token": self.token(user), **connect}
        reply = await client.call("connect", **connect)
        assert "connect" in reply, reply
        await client.read()
        return client

    async def subscribed(self, *channels: str, user: str = "", **subscribe: object) -> Client:
        """A client that is connected and subscribed."""
        client = await self.connected(user)
        for channel in channels:
            reply = await client.call("subscribe", channel=channel, **subscribe)
            assert "subscribe" in reply, reply
        await client.read()
        return client

    def token(self, user: str, ttl_s: float = 3600, **claims: object) -> str:
        return sign_connect(SECRET, user, ttl_s, self.clock, **claims)

    def subscription_token(self, user: str, channel: str, ttl_s: float = 3600, **claims: object) -> str:
        return sign_subscribe(SECRET, user, channel, ttl_s, self.clock, **claims)
