"""centrifuge-python as an application uses it, with every event kept."""

from __future__ import annotations

import asyncio
import itertools
from typing import TYPE_CHECKING, Any

from centrifuge import (  # type: ignore[import-untyped]  # it has no py.typed
    Client,
    ClientEventHandler,
    ClientState,
    HistoryResult,
    ReplyError,
    StreamPosition,
    Subscription,
    SubscriptionEventHandler,
    SubscriptionState,
)

from tests.support.patience import PATIENCE_S
from tests.support.tokens import connection_token, subscription_token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tests.support.proxy import Proxy
    from tests.support.server import NodeProcess

__all__ = [
    "Client",
    "ClientState",
    "HistoryResult",
    "Recording",
    "ReplyError",
    "StreamPosition",
    "Subscription",
    "SubscriptionRecording",
    "SubscriptionState",
    "World",
    "subscription_of",
]

_worlds = itertools.count(1)


class Recording:
    """The events of a client or of a subscription, in order."""

    def __init__(self) -> None:
        self.events: list[tuple[str, Any]] = []
        self._num_read = 0
        self._changed = asyncio.Event()

    def of(self, kind: str) -> list[Any]:
        """The contexts of all events of one kind so far."""
        return [context for name, context in self.events if name == kind]

    @property
    def data(self) -> list[Any]:
        """What was published, as far as it has arrived."""
        return [context.pub.data for context in self.of("publication")]

    @property
    def offsets(self) -> list[int]:
        return [context.pub.offset for context in self.of("publication")]

    async def next(self, kind: str, fits: Callable[[Any], bool] = lambda _: True) -> Any:
        """The context of the next event of one kind; those before it count as read."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                for index in range(self._num_read, len(self.events)):
                    name, context = self.events[index]
                    if name == kind and fits(context):
                        self._num_read = index + 1
                        return context
                await self._more()

    def mark_read(self) -> None:
        """`next` looks only at what comes from now on."""
        self._num_read = len(self.events)

    async def publications(self, count: int) -> list[Any]:
        """Wait until this many have arrived since the beginning; their data."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.data) < count:
                await self._more()
        return self.data

    def take(self, kind: str, context: Any) -> None:
        self.events.append((kind, context))
        self._changed.set()

    async def _more(self) -> None:
        self._changed.clear()
        await self._changed.wait()


def _recorded(kind: str) -> Callable[[Any, Any], Awaitable[None]]:
    async def take(self: Recording, context: Any) -> None:
        self.take(kind, context)

    return take


class ClientRecording(Recording, ClientEventHandler):  # type: ignore[misc]  # the SDK is untyped
    on_connecting = _recorded("connecting")
    on_connected = _recorded("connected")
    on_disconnected = _recorded("disconnected")
    on_error = _recorded("error")
    on_subscribing = _recorded("subscribing")
    on_subscribed = _recorded("subscribed")
    on_unsubscribed = _recorded("unsubscribed")
    on_publication = _recorded("publication")
    on_join = _recorded("join")
    on_leave = _recorded("leave")


class SubscriptionRecording(Recording, SubscriptionEventHandler):  # type: ignore[misc]  # the SDK is untyped
    on_subscribing = _recorded("subscribing")
    on_subscribed = _recorded("subscribed")
    on_unsubscribed = _recorded("unsubscribed")
    on_publication = _recorded("publication")
    on_join = _recorded("join")
    on_leave = _recorded("leave")
    on_error = _recorded("error")


class World:
    """A running node, a wire to it that can be cut, and names that no other test uses."""

    def __init__(self, node: NodeProcess, wire: Proxy) -> None:
        self.node = node
        self.wire = wire
        self.api = node.api
        self._number = next(_worlds)
        self._clients: list[Client] = []

    def user(self, name: str = "ada") -> str:
        return f"{name}-{self._number}"

    def channel(self, namespace: str = "full", name: str = "room") -> str:
        return f"{namespace}:{name}-{self._number}"

    def subscription_token(self, channel: str, ttl_s: float = 3600, **claims: Any) -> str:
        return subscription_token(self.user(), channel, ttl_s, **claims)

    async def publish(self, channel: str, *messages: Any) -> None:
        for message in messages:
            await self.api.publish(channel, message)

    def client(self, **options: Any) -> tuple[Client, ClientRecording]:
        """A client that has not been told to connect."""
        events = ClientRecording()
        quick: dict[str, Any] = {"min_reconnect_delay": 0.05, "max_reconnect_delay": 0.3, "proxy": None}
        client = Client(self.wire.ws_url, events=events, timeout=PATIENCE_S, **(quick | options))
        self._clients.append(client)
        return client, events

    async def connected(self, name: str = "ada", **claims: Any) -> tuple[Client, ClientRecording]:
        client, events = self.client(token=connection_token(self.user(name), **claims))
        await client.connect()
        await client.ready()
        return client, events

    async def subscribed(
        self, client: Client, channel: str, **options: Any
    ) -> tuple[Subscription, SubscriptionRecording]:
        subscription, events = subscription_of(client, channel, **options)
        await subscription.subscribe()
        await subscription.ready()
        return subscription, events

    async def cut_during(self, events: Recording, meanwhile: Callable[[], Awaitable[object]]) -> Any:
        """Cut the wire, do something, mend it; what is said when the subscription is back."""
        events.mark_read()
        self.wire.cut()
        await events.next("subscribing")
        await meanwhile()
        self.wire.mend()
        return await events.next("subscribed")

    async def end(self) -> None:
        self.wire.mend()
        for client in self._clients:
            await client.disconnect()


def subscription_of(client: Client, channel: str, **options: Any) -> tuple[Subscription, SubscriptionRecording]:
    """A subscription that has not been told to subscribe."""
    events = SubscriptionRecording()
    quick: dict[str, Any] = {"min_resubscribe_delay": 0.05, "max_resubscribe_delay": 0.3}
    return client.new_subscription(channel, events=events, **(quick | options)), events
