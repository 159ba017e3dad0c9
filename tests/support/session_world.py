"""Nodes with login sessions on one database, and devices with live connections to them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import msgspec

from hub.config import ChannelConfig, ClientConfig, HubConfig
from hub.connection import Connection
from hub.hub import Hub
from hub.protocol.json_codec import JSON
from hub.relay.outbox import Outbox
from hub.supervisor import Supervisor
from sessions.audit import Audit
from sessions.channels import with_session_namespaces
from sessions.config import SessionsConfig, TokenIssueConfig
from sessions.identifiers import new_id
from sessions.login_sessions import DeviceInfo, LoginSessions, Tokens
from sessions.rpc import serve, session_methods
from sessions.signing_keys import SigningKeys
from tests.support.clock import FakeClock
from tests.support.engine_bus import EngineBus
from tests.unit.hub.recording_transport import RecordingTransport

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hub.protocol.codes import Disconnect
    from sessions.audit import AuditEntry
    from storage.database import Storage

SECRET: Final = b"the secret of all nodes of a test"

TOKENS: Final = TokenIssueConfig(issuer="https://syncline.test", audience="syncline.test")
CONFIG: Final = SessionsConfig(secret=SECRET, tokens=TOKENS, revocation_poll_interval_s=0.01)

PHONE: Final = DeviceInfo("phone-0123456789abcdef", "Ann's phone", "ios")
LAPTOP: Final = DeviceInfo("laptop-0123456789abcde", "Ann's laptop", "web")
HOME: Final = "192.0.2.7"
CUSTOMER: Final = frozenset({"CUSTOMER"})


class Peer:
    """A live connection as its device sees it."""

    def __init__(self, hub: Hub) -> None:
        self.transport = RecordingTransport()
        self.connection = Connection(hub, self.transport, JSON)
        self.connection.opened()
        self._last_id = 0

    async def call(self, method: str, /, **request: object) -> dict[str, Any]:
        """Send one command and return its reply, {} if the connection was closed instead."""
        self._last_id += 1
        await self.connection.handle_frame(msgspec.json.encode({"id": self._last_id, method: request}))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return next((reply for reply in self.transport.replies if reply.get("id") == self._last_id), {})

    async def rpc(self, method: str, data: object = None) -> dict[str, Any]:
        """The answer of an RPC, or its error under `error`."""
        reply = await self.call("rpc", method=method, **({} if data is None else {"data": data}))
        return {"error": reply["error"]} if "error" in reply else reply.get("rpc", {}).get("data", {})

    async def vanish(self) -> None:
        """The transport ends without a word."""
        self.transport.is_dead = True
        await self.connection.closed()

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        """What has arrived on `sessions:#<user>`, recovered publications apart."""
        pushes = [reply["push"] for reply in self.transport.replies if "push" in reply]
        events = [push["pub"]["data"] for push in pushes if "pub" in push]
        return [event for event in events if not kind or event["type"] == kind]

    @property
    def goodbye(self) -> Disconnect | None:
        return self.transport.goodbyes[0] if self.transport.goodbyes else None

    @property
    def close_code(self) -> int:
        return self.goodbye.code if self.goodbye else 0


class SessionNode:
    """One node: a hub and its login sessions. Background tasks run only inside `running`."""

    def __init__(self, storage: Storage, bus: EngineBus, clock: FakeClock, config: SessionsConfig = CONFIG) -> None:
        self.config = config
        self.clock = clock
        self.engine = bus.node()
        client = ClientConfig(ping_interval_s=0, stale_close_delay_s=1e9)
        self.hub = Hub(HubConfig(client=client, channel=with_session_namespaces(ChannelConfig())), self.engine, clock)
        self.audit = Audit(storage.auth, clock)
        self.outbox = Outbox(storage.relay, self.hub, clock)
        self.keys = SigningKeys(storage.auth, config, clock)
        self.sessions = LoginSessions(config, storage, self.hub, self.outbox, self.audit, self.keys, clock)
        self.hub.authority = self.sessions.authority
        for name, method in session_methods(self.sessions).items():
            self.hub.rpc.register(name, serve(method))

    @asynccontextmanager
    async def running(self, *, without: tuple[str, ...] = ()) -> AsyncIterator[None]:
        """With its background tasks, but for those named."""
        tasks = [*self.hub.tasks(), *self.sessions.tasks(), ("outbox", self.outbox.run())]
        async with Supervisor() as supervisor:
            for name, work in tasks:
                if name in without:
                    work.close()
                else:
                    supervisor.start(name, work)
            yield

    async def log_in(self, user: str, device: DeviceInfo = PHONE, **named: Any) -> Tokens:
        named = {"address": HOME, "roles": CUSTOMER, "method": "password", **named}
        return await self.sessions.open(user, device, **named)

    async def refresh(self, token: str, **named: Any) -> Tokens:
        return await self.sessions.refresh(token, **{"address": HOME, **named})

    async def connect(self, tokens: Tokens | str) -> Peer:
        """A peer whose connect has been answered, in whatever way."""
        peer = Peer(self.hub)
        token = tokens if isinstance(tokens, str) else tokens.access_token
        await peer.call("connect", token=token)
        return peer

    async def connected(self, tokens: Tokens) -> Peer:
        peer = await self.connect(tokens)
        assert peer.connection.session is not None, peer.transport.replies
        return peer


class SessionWorld:
    """Nodes that share a database, an engine and the time."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.clock = FakeClock()
        self.bus = EngineBus(self.clock)
        self.user = new_id()

    async def node(self, **config: Any) -> SessionNode:
        """One more node, ready to serve; `config` are options of SessionsConfig."""
        node = SessionNode(self.storage, self.bus, self.clock, replace(CONFIG, **config))
        await node.sessions.prepare()
        return node

    async def actions(self, node: SessionNode, action: str = "") -> list[AuditEntry]:
        """The audit trail of the world's user, oldest first."""
        page = await node.audit.list(self.user, "", 200)
        return [entry for entry in reversed(page.entries) if not action or entry.action == action]
