"""Which subscriptions a channel has on this node, and how far each has been served. Pure.

A subscription is `joining` while its history is read (its gate holds live publications back), `live` once it is in
the channel's audience, `left` when it is over. All live positioned subscriptions of a channel have been served up to
the channel's position, so continuity is checked once per publication, not once per subscriber.
"""

from __future__ import annotations

import enum
import sys
from typing import TYPE_CHECKING

from msgspec import UNSET

from hub.channels import namespace_of
from hub.counters import NamespaceCounts
from hub.fan_out import Audience
from hub.protocol.messages import OptionalRaw, StreamPosition
from hub.recovery import Gate

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterator

    from hub.config import ChannelOptions
    from hub.connection import Connection
    from hub.fan_out import FanOut
    from hub.protocol.codec import Codec
    from hub.protocol.messages import ClientInfo, Publication


class Phase(enum.Enum):
    JOINING = enum.auto()
    CATCHING_UP = enum.auto()  # answered; the node has yet to see the publications that its history already held
    LIVE = enum.auto()
    LEFT = enum.auto()


class Subscription:
    """One client's subscription to one channel."""

    __slots__ = (
        "channel",
        "connection",
        "emits_join_leave",
        "expire_at_s",
        "gate",
        "has_presence",
        "info",
        "is_announced",
        "is_positioned",
        "is_recoverable",
        "is_server_side",
        "phase",
        "sees_join_leave",
        "served_offset",
    )

    def __init__(self, connection: Connection, channel: LiveChannel, *, is_server_side: bool) -> None:
        self.connection = connection
        self.channel = channel
        self.is_server_side = is_server_side
        self.phase = Phase.JOINING
        self.gate: Gate | None = None
        self.info: OptionalRaw = UNSET
        self.expire_at_s = 0.0
        self.served_offset = 0
        self.is_announced = False
        self.is_positioned = False
        self.is_recoverable = False
        self.has_presence = False
        self.emits_join_leave = False
        self.sees_join_leave = False

    def has_left(self) -> bool:
        """Whether it is over. Asked anew after every wait: a backend or the connection's end may have done that."""
        return self.phase is Phase.LEFT

    def client_info(self) -> ClientInfo:
        return self.connection.client_info(self.info)


class Continuity(enum.Enum):
    """How a publication relates to what the node has seen of its channel."""

    NEXT = enum.auto()
    SEEN = enum.auto()
    BROKEN = enum.auto()


# As in hub.connection: an Enum lookup per publication would cost as much as all else here.
_NEXT, _SEEN, _BROKEN = Continuity.NEXT, Continuity.SEEN, Continuity.BROKEN


class LiveChannel:
    """A channel somebody on this node is subscribed to."""

    __slots__ = (
        "audiences",
        "is_attached",
        "joining",
        "lock",
        "name",
        "namespace",
        "num_changing",
        "options",
        "position",
        "watchers",
    )

    def __init__(self, name: str, options: ChannelOptions) -> None:
        self.name = name
        self.namespace = sys.intern(namespace_of(name))
        self.options = options
        self.audiences: dict[Codec, Audience] = {}
        self.joining: dict[Subscription, None] = {}
        self.watchers: dict[Subscription, None] | None = None  # those who see joins and leaves
        self.position: StreamPosition | None = None
        self.is_attached = False
        self.lock: asyncio.Lock | None = None  # owned by hub.interest
        self.num_changing = 0  # attaches and detaches that hold or wait for the lock

    @property
    def num_clients(self) -> int:
        return sum(len(audience.members) for audience in self.audiences.values()) + len(self.joining)

    def live_subscriptions(self) -> Iterator[Subscription]:
        for audience in self.audiences.values():
            yield from audience.members.values()  # type: ignore[misc]  # values are Subscriptions, see enter()

    def positioned(self) -> list[Subscription]:
        """Answered subscriptions whose clients were promised continuity. (Those still joining have their gates.)"""
        catching_up = [s for s in self.joining if s.phase is Phase.CATCHING_UP]
        return [s for s in self.live_subscriptions() if s.is_positioned] + catching_up

    def has_positioned(self) -> bool:
        return any(s.is_positioned for s in self.live_subscriptions()) or bool(self.joining)

    def track(self, position: StreamPosition) -> Continuity:
        """Advance the channel's position; say how the publication at `position` continues it."""
        known = self.position
        if known is not None and known.epoch == position.epoch:
            if position.offset <= known.offset:
                return _SEEN
            if position.offset == known.offset + 1:
                self.position = position
                return _NEXT
        self.position = position
        return _NEXT if known is None else _BROKEN

    def reserve(self, subscription: Subscription) -> None:
        """Count the subscription in; it gets nothing yet."""
        self.joining[subscription] = None

    def enter(self, subscription: Subscription, fan_out: FanOut) -> None:
        """Make it live: from here on it gets what its audience gets."""
        self.joining.pop(subscription, None)
        subscription.gate = None
        subscription.phase = Phase.LIVE
        connection = subscription.connection
        audience = self.audiences.get(connection.codec)
        if audience is None:
            audience = self.audiences[connection.codec] = Audience(connection.codec, self.namespace)
        fan_out.release(audience)
        audience.members[connection.outbox] = subscription
        if subscription.sees_join_leave:
            if self.watchers is None:
                self.watchers = {}
            self.watchers[subscription] = None

    def leave(self, subscription: Subscription, fan_out: FanOut) -> None:
        """Take it out; what was published before is still handed to it."""
        self.joining.pop(subscription, None)
        subscription.gate = None
        subscription.phase = Phase.LEFT
        if self.watchers is not None:
            self.watchers.pop(subscription, None)
        connection = subscription.connection
        audience = self.audiences.get(connection.codec)
        if audience is None or connection.outbox not in audience.members:
            return
        fan_out.release(audience)
        del audience.members[connection.outbox]
        if not audience.members:
            del self.audiences[connection.codec]

    def offer_to_joining(self, publication: Publication, position: StreamPosition | None, fan_out: FanOut) -> None:
        """Let those who are not live yet see a publication that the audiences have been given."""
        if not self.joining or position is None:
            return
        for subscription in list(self.joining):
            if subscription.gate is not None:
                subscription.gate.hold(publication, position.epoch)
            elif subscription.phase is Phase.CATCHING_UP and position.offset >= subscription.served_offset:
                self.enter(subscription, fan_out)


class SubscriptionIndex:
    """The channels of this node, counted by namespace."""

    def __init__(self, counts: NamespaceCounts | None = None) -> None:
        self.channels: dict[str, LiveChannel] = {}
        self.num_subscriptions = 0
        self.counts = counts or NamespaceCounts.of(())

    def open(self, name: str, options: ChannelOptions) -> LiveChannel:
        channel = self.channels.get(name)
        if channel is None:
            channel = self.channels[name] = LiveChannel(name, options)
            self.counts.channels[channel.namespace] += 1
        return channel

    def get(self, name: str) -> LiveChannel | None:
        return self.channels.get(name)

    def drop_if_empty(self, channel: LiveChannel) -> bool:
        """Forget a channel that nobody is subscribed to or about to attach or detach; say whether that is so."""
        if channel.num_clients or channel.num_changing:
            return False
        if self.channels.get(channel.name) is channel:
            del self.channels[channel.name]
            self.counts.channels[channel.namespace] -= 1
        return True

    def count(self, channel: LiveChannel, change: int) -> None:
        """So many subscriptions more; fewer when negative."""
        self.num_subscriptions += change
        self.counts.subscriptions[channel.namespace] += change
