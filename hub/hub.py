"""The hub of one node: everything that happens to channels and connections passes here.

It owns the parts and the order between them; the decisions are in the pure modules it calls. Event-loop thread only.
"""

from __future__ import annotations

import asyncio
import logging
import random
import uuid
from typing import TYPE_CHECKING

from msgspec import UNSET

from hub.acknowledgements import Acknowledgements
from hub.census import responders
from hub.channels import Channels
from hub.client_ids import ClientIds
from hub.command_times import CommandTimes
from hub.commands.rpc import RPCMethods, answer_ping
from hub.control import Control
from hub.counters import Counters, NamespaceCounts
from hub.deadlines import DeadlineWheel
from hub.departures import Departures
from hub.engine import HistoryQuery, NodeInfo
from hub.errors import ReplyError
from hub.fan_out import FanOut
from hub.gauges import gauges_of, histograms_of
from hub.permissions import Actor
from hub.presence import PresenceLeases
from hub.protocol import codes
from hub.protocol.messages import Join, Leave, Push, Reply, Unsubscribe
from hub.publication_traces import PublicationTraces
from hub.publishing import Publishing
from hub.rate_limit import Rate
from hub.recovery import Insufficient
from hub.registry import Registry
from hub.subscriptions import Continuity, SubscriptionIndex
from hub.survey import Survey
from hub.tokens.verifier import TokenVerifier
from hub.upkeep import upkeep_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from hub.authority import Authority
    from hub.clock import Clock
    from hub.config import HubConfig
    from hub.connection import Connection
    from hub.engine import Engine, History
    from hub.gauges import Measured
    from hub.observer import Observer
    from hub.outbox import Outbox
    from hub.protocol.codec import Codec
    from hub.protocol.codes import Unsubscribed
    from hub.protocol.messages import ClientInfo, Publication, StreamPosition
    from hub.subscriptions import LiveChannel, Subscription
    from hub.tokens.jwks import Fetch
    from hub.tracing import Tracer

logger = logging.getLogger(__name__)

_NEXT = Continuity.NEXT


class Hub:
    """One node.

    Construct it inside a running loop, then hand `tasks()` to the supervisor. It implements EngineListener.

    Args:
        fetch: gets a JWKS document; needed only where one is configured.
        uid: what the other nodes know this one by; a fresh one when empty.

    Attributes:
        authority: who issues this platform's own tokens. It is built on the hub, so it is set after; before the
            first connection.
        observer: who wants to know what connections do; set before the first connection too.
        traces: what follows single publications; there with a tracer.
        guards: by channel, who may be subscribed at all, whatever a token or a backend says; for parts of the platform.
        is_leaving: the node goes, and is not announced to the others any more.
        gauges, measured, histograms: what is counted beside `counters`, by name: single figures, parts that have
            several, distributions. Parts add theirs before the node is ready.
    """

    authority: Authority | None = None
    observer: Observer | None = None
    traces: PublicationTraces | None = None
    is_leaving = False

    def __init__(
        self, config: HubConfig, engine: Engine, clock: Clock, fetch: Fetch | None = None, *, uid: str = ""
    ) -> None:
        self.config = config
        self.engine = engine
        self.clock = clock
        self.uid = uid or str(uuid.uuid4())
        self.started_at_s = clock.monotonic_s()
        self.counters = Counters()
        self.client_ids = ClientIds()
        self.lapses = 0
        self.channels = Channels(config.channel)
        self.namespaces = NamespaceCounts.of(config.channel.namespaces)
        self.index = SubscriptionIndex(self.namespaces)
        self.registry = Registry()
        self.deadlines = DeadlineWheel()
        self.congestion = asyncio.Event()
        self.fan_out = FanOut(
            asyncio.get_running_loop().call_soon, self._close_slow, self.congestion.set, clock.monotonic_s
        )
        self.fan_out.deliveries_in = self.namespaces.deliveries
        self.tokens = TokenVerifier(config.client.token, clock, fetch)
        separate = config.client.subscription_token
        self.subscription_tokens = self.tokens if separate is None else TokenVerifier(separate, clock, fetch)
        self.rpc = RPCMethods(config.client.rpc_timeout_s)
        if config.client.rpc_ping_enabled:
            self.rpc.register("ping", answer_ping)
        per_s = config.client.command_rate_limit_per_s
        self.command_rate = Rate(per_s, config.client.command_rate_burst) if per_s else None
        self.presence = PresenceLeases(self)
        self.departures = Departures(self)
        self.control = Control(self)
        self.survey = Survey(self, responders(self))
        self.command_times = CommandTimes()
        self.gauges = gauges_of(self)
        self.histograms = histograms_of(self)
        self.acknowledgements = Acknowledgements(self)
        self.guards: dict[str, Callable[[Connection], bool]] = {}
        self.measured: list[Measured] = [self.namespaces, self.registry, self.acknowledgements]
        self.publishing = Publishing(self)
        self.publish = self.publishing.publish
        self.publish_many = self.publishing.publish_many
        engine.bind(self)

    @property
    def tracer(self) -> Tracer | None:
        """Who makes spans; None: nothing is followed. Set before the first connection, like the observer."""
        return None if self.traces is None else self.traces.tracer

    @tracer.setter
    def tracer(self, tracer: Tracer | None) -> None:
        self.traces = None if tracer is None else PublicationTraces(self, tracer)
        self.rpc.traces = self.traces

    def tasks(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """The work that must go on as long as the node lives, by name."""
        return [
            *upkeep_tasks(self),
            ("hub.presence", self.presence.run()),
            ("hub.departures", self.departures.run()),
            ("hub.control", self.control.run()),
            ("hub.survey", self.survey.run()),
        ]

    # --- what the engine tells --------------------------------------------------------------------------------------

    def on_publication(self, channel: str, publication: Publication, position: StreamPosition | None) -> None:
        """Hot: one encode and one append per codec among the subscribers."""
        live = self.index.channels.get(channel)
        if live is None or not live.is_attached:
            return  # a late one of an interest given up; whoever attaches anew reads the history after that
        if position is not None:
            continuity = live.track(position)
            if continuity is not _NEXT:
                if continuity is Continuity.SEEN:
                    return
                self._break(live)
        if self.traces is None or publication.tags is UNSET:
            shown = publication
        else:
            shown = self.traces.arriving(live, publication)
        fan_out = self.fan_out
        try:
            for codec, audience in live.audiences.items():
                fan_out.publish(audience, codec.encode_publication(channel, shown))
        except Exception:
            self._break(live)  # the position has moved on: nobody may be left with a gap it is not told of
            raise
        if live.joining:
            live.offer_to_joining(publication, position, fan_out)

    def on_join(self, channel: str, info: ClientInfo) -> None:
        self._tell_watchers(channel, Reply(push=Push(channel=channel, join=Join(info))))

    def on_leave(self, channel: str, info: ClientInfo) -> None:
        self._tell_watchers(channel, Reply(push=Push(channel=channel, leave=Leave(info))))

    def on_control(self, message: bytes) -> None:
        self.control.receive(message)

    def on_lapse(self) -> None:
        """Send every connection away before it is given anything: its client recovers elsewhere, or here, anew."""
        self.lapses += 1
        logger.warning("lapsed", extra={"connections": len(self.registry.opened)})
        for connection in list(self.registry.opened):
            connection.close(codes.SHUTDOWN)

    async def announce(self) -> None:
        """Tell the other nodes about this one, unless it leaves.

        Raises:
            EngineUnavailable
        """
        if not self.is_leaving:
            await self.engine.announce(self.node_info())

    def _tell_watchers(self, channel: str, reply: Reply) -> None:
        live = self.index.get(channel)
        if live is None or not live.watchers:
            return
        encoded: dict[Codec, bytes] = {}
        for audience in live.audiences.values():
            self.fan_out.release(audience)  # joins and publications leave in the order in which they happened
            encoded[audience.codec] = audience.codec.encode_reply(reply)
        for subscription in live.watchers:
            connection = subscription.connection
            self.fan_out.send(connection.outbox, encoded[connection.codec])

    # --- continuity -------------------------------------------------------------------------------------------------

    def meet(self, channel: LiveChannel, served: StreamPosition) -> None:
        """A newcomer has been told `served`: does it agree with what this node has seen of the channel?

        Raises:
            Insufficient: the node has seen publications that the newcomer's history did not hold.
        """
        known = channel.position
        if known is None:
            channel.position = served
        elif known.epoch != served.epoch:
            self._break(channel)
            channel.position = served
        elif known.offset > served.offset:
            raise Insufficient

    def lose_continuity(self, channel: LiveChannel, top: StreamPosition) -> None:
        """The stream has moved on without this node: its positioned subscribers must resynchronise."""
        self._break(channel)
        channel.position = top

    def _break(self, channel: LiveChannel) -> None:
        for subscription in channel.positioned():
            self.counters.insufficient_state += 1
            if subscription.is_server_side:
                subscription.connection.close(codes.INSUFFICIENT_STATE)
            else:
                self.end(subscription, codes.UNSUBSCRIBED_INSUFFICIENT_STATE)

    # --- subscriptions ----------------------------------------------------------------------------------------------

    def _part(self, subscription: Subscription) -> bool:
        """Take a subscription out of its channel and its connection, at once; say whether it still was in."""
        subscriptions = subscription.connection.subscriptions
        name = subscription.channel.name
        subscription.channel.leave(subscription, self.fan_out)
        if subscriptions.get(name) is not subscription:
            return False
        del subscriptions[name]
        self.index.count(subscription.channel, -1)
        return True

    async def depart(self, subscription: Subscription) -> None:
        """End a subscription and wait until presence, leave and interest are given up."""
        if self._part(subscription):
            await self.departures.finish(subscription)

    def depart_later(self, subscription: Subscription) -> None:
        """End a subscription; what has to wait is done by the departures task."""
        if self._part(subscription):
            self.departures.add(subscription)

    def abandon(self, subscription: Subscription) -> None:
        """Its join failed, or it was ended while it joined: whatever the join has left behind is removed."""
        self._part(subscription)
        self.departures.add(subscription)

    def end(self, subscription: Subscription, why: Unsubscribed) -> None:
        """End a subscription from the server's side and tell its client."""
        self.push_unsubscribe(subscription, why)
        self.depart_later(subscription)

    def expire(self, subscription: Subscription) -> None:
        """Its right has ended and was not renewed in time."""
        if subscription.is_server_side:
            subscription.connection.close(codes.SUBSCRIPTION_EXPIRED)
        else:
            self.end(subscription, codes.UNSUBSCRIBED_EXPIRED)

    def push_unsubscribe(self, subscription: Subscription, why: Unsubscribed) -> None:
        """Tell the client, after the publications it was already given."""
        self.counters.unsubscribes[why.code] += 1
        connection, channel = subscription.connection, subscription.channel
        channel.leave(subscription, self.fan_out)
        push = Push(channel=channel.name, unsubscribe=Unsubscribe(why.code, why.reason))
        connection.reply(Reply(push=push))

    # --- connections ------------------------------------------------------------------------------------------------

    def actor(self, connection: Connection, channel: str) -> Actor:
        """A client as the permission rules see it, for one channel."""
        return Actor(connection.user, channel in connection.subscriptions, self.config.client.insecure)

    def release_audiences(self, connection: Connection) -> None:
        """Nothing more is published to this connection."""
        for subscription in connection.subscriptions.values():
            subscription.channel.leave(subscription, self.fan_out)

    async def forget(self, connection: Connection) -> None:
        """Give up everything an ended connection held."""
        was_established = self.registry.remove(connection)
        if was_established and connection.session is not None and self.authority is not None:
            self.authority.closed(connection)
        if was_established and self.observer is not None:
            self.observer.disconnected(connection)
        self.fan_out.congested.pop(connection.outbox, None)
        for subscription in list(connection.subscriptions.values()):
            await self.depart(subscription)

    def _close_slow(self, outbox: Outbox) -> None:
        connection: Connection | None = outbox.owner  # type: ignore[assignment]  # every outbox here is a connection's
        if connection is not None:
            self.counters.slow_closed += 1
            connection.close(codes.SLOW)

    def close_stalled(self, outboxes: list[Outbox]) -> None:
        for outbox in outboxes:
            self._close_slow(outbox)

    # --- reading ----------------------------------------------------------------------------------------------------

    async def history(
        self, channel: str, *, limit: int = 0, since: StreamPosition | None = None, reverse: bool = False
    ) -> History:
        """A part of a channel's stream, for clients and backends.

        Raises:
            ReplyError: 108 no history, 107 reverse from offset 0, 112 the epoch of `since` is not the stream's.
            EngineUnavailable: no answer in time.
        """
        options = self.channels.options(channel)
        if not options.has_history:
            raise ReplyError(codes.NOT_AVAILABLE)
        if since is not None and reverse and not since.offset:
            raise ReplyError(codes.BAD_REQUEST)
        query = HistoryQuery(limit, since, reverse, self.channels.history_meta_ttl_s(options))
        history = await self.engine.history(channel, query)
        if since is not None and since.epoch and since.epoch != history.position.epoch:
            raise ReplyError(codes.UNRECOVERABLE_POSITION)
        return history

    def measures(self) -> dict[str, float]:
        """Everything counted here and now, by name."""
        measures = self.counters.totals() | {name: float(read()) for name, read in self.gauges.items()}
        for part in self.measured:
            measures |= {name: float(value) for name, value in part.measures().items()}
        return measures

    def node_info(self) -> NodeInfo:
        """This node as the others see it."""
        return NodeInfo(
            uid=self.uid,
            name=self.config.node_name or self.uid,
            version=self.config.version,
            num_clients=self.registry.num_clients,
            num_users=self.registry.num_users,
            num_subs=self.index.num_subscriptions,
            num_channels=len(self.index.channels),
            uptime_s=int(self.clock.monotonic_s() - self.started_at_s),
        )

    # --- chance -----------------------------------------------------------------------------------------------------

    @staticmethod
    def jitter(low: float, high: float) -> float:
        """Spreads what would otherwise happen to all connections at once; nothing secret depends on it."""
        return random.uniform(low, high)  # not for secrets
