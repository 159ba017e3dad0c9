"""Who is told live: the RPC `ops.watch`, the subscriptions that it makes, and word of them to the other nodes.

Every node publishes what is new of it, but only while somebody watches somewhere. So a node with watchers tells the
others, again and again; what it has said holds for LEASE_S. Word of it may be lost; the next one is not far.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Final

import msgspec

from hub.control_operations import SubscribeUser, UnsubscribeUser
from hub.errors import EngineUnavailable
from hub.protocol import codes
from services.accounts.permissions import Action, may
from services.operations.channels import CHANNEL_OF
from services.operations.questions import WATCHED
from services.operations.views import Watch
from sessions.principal import Principal
from sessions.refusal import Kind, Refusal
from sessions.rpc import answering, data_of, decode, principal_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from msgspec import Raw

    from hub.commands.rpc import RPCCall
    from hub.connection import Connection
    from hub.hub import Hub
    from hub.subscriptions import Subscription

Authorise = Callable[[Principal, Action], Awaitable[None]]
"""Whether somebody may do this with everybody's things, by the role in the database. Raises Refusal."""

METHOD: Final = "ops.watch"

LEASE_S: Final = 15.0
_NO_CHUNKS: Final[tuple[object, ...]] = ()
RENEW_INTERVAL_S: Final = 5.0


class Watching:
    """The watchers of this node, and what is watched anywhere. Event-loop thread only."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._until_s: dict[str, float] = {}
        self._admitted: set[str] = set()
        self._renew_at_s = 0.0
        self._began = asyncio.Event()
        self.num_untold = 0

    def serve(self) -> None:
        """Listen to what other nodes say of their watchers, and let nobody else in. Once per hub."""
        self._hub.survey.serve(WATCHED, self._hear)
        self._hub.guards |= dict.fromkeys(CHANNEL_OF.values(), self._may_watch)

    def register(self, authorise: Authorise) -> None:
        """Serve `ops.watch` to those who may see. Once per hub."""

        async def handle(call: RPCCall) -> object:
            await authorise(principal_of(call), Action.OPERATIONS_READ)
            wanted = decode(Watch, data_of(call))
            assert call.connection is not None, "it has a principal"
            if not call.connection.handshake.is_operators:
                raise Refusal(Kind.FORBIDDEN, "forbidden", "only over the port that serves the console")
            await self._watch(call.connection, wanted)
            return {}

        self._hub.rpc.register(METHOD, answering(handle), is_followed=False)

    # --- what is watched --------------------------------------------------------------------------------------------

    async def began(self) -> None:
        """Wait until somebody watches something."""
        while not self.topics():
            self._began.clear()
            await self._began.wait()

    def topics(self) -> set[str]:
        """What is watched now, here or elsewhere."""
        now_s = self._hub.clock.monotonic_s()
        return {topic for topic, until_s in self._until_s.items() if until_s > now_s}

    @property
    def num_watchers(self) -> int:
        """Connections of this node that are told something."""
        return len({subscription.connection for _, subscription in self._subscriptions()})

    async def renew(self) -> None:
        """End what may not be any more; when it is time, say what is watched here, to this node and the others."""
        self._end_strangers()
        now_s = self._hub.clock.monotonic_s()
        if now_s >= self._renew_at_s:
            self._renew_at_s = now_s + RENEW_INTERVAL_S
            await self._tell()

    # --- within -----------------------------------------------------------------------------------------------------

    async def _watch(self, connection: Connection, wanted: Watch) -> None:
        self._admitted.add(connection.client_id)
        control, user, client = self._hub.control, connection.user, connection.client_id
        for topic, channel in CHANNEL_OF.items():
            if topic in wanted.topics:
                await control.apply(SubscribeUser(user=user, client=client, channel=channel))
            elif channel in connection.subscriptions:
                await control.apply(UnsubscribeUser(user=user, client=client, channel=channel))
        await self._tell()

    async def _tell(self) -> None:
        topics = sorted({topic for topic, _ in self._subscriptions()})
        if not topics:
            return
        self._note(topics)
        try:
            await self._hub.survey.tell(WATCHED, topics)
        except EngineUnavailable:
            self.num_untold += 1  # said again soon

    async def _hear(self, about: Raw) -> AsyncIterator[object]:
        """An answer without chunks: nobody waits for it."""
        self._note(msgspec.json.decode(about, type=list[str]))
        for chunk in _NO_CHUNKS:
            yield chunk

    def _note(self, topics: list[str]) -> None:
        until_s = self._hub.clock.monotonic_s() + LEASE_S
        self._until_s |= {topic: until_s for topic in topics if topic in CHANNEL_OF}
        self._began.set()

    def _end_strangers(self) -> None:
        """A role can be taken away while its bearer watches."""
        # By the connection, not by what it is subscribed to: one that is being subscribed has nothing to show yet.
        self._admitted = {client for client in self._admitted if client in self._hub.registry.by_client}
        for _, subscription in list(self._subscriptions()):
            if not self._may_watch(subscription.connection):
                self._hub.end(subscription, codes.SERVER_UNSUBSCRIBE)

    def _may_watch(self, connection: Connection) -> bool:
        """A backend's key, and a token that it has signed, can name any channel: who has not asked here stays out."""
        session = connection.session
        if session is None or connection.client_id not in self._admitted:
            return False
        principal = Principal(connection.user, session.sid, session.did, session.roles)
        return may(principal, Action.OPERATIONS_READ)

    def _subscriptions(self) -> Iterator[tuple[str, Subscription]]:
        """Of this node, with their topics."""
        for topic, channel in CHANNEL_OF.items():
            live = self._hub.index.get(channel)
            if live is not None:
                for subscription in live.live_subscriptions():
                    yield topic, subscription
