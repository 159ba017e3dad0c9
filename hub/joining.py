"""How a subscription comes to be: reserved, attached, its history read, settled, answered, live.

`begin_join` does everything that waits. `settle_join` and `go_live` do not wait, so between deciding what the client
is told and serving it live no publication can slip through; the answer is sent between the two.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from msgspec import UNSET

from hub.engine import HistoryQuery
from hub.errors import Disconnected, EngineUnavailable, ReplyError
from hub.interest import attach
from hub.permissions import may_read_history, may_see_presence
from hub.protocol import codes
from hub.protocol.messages import OptionalRaw, StreamPosition, SubscribeResult
from hub.recovery import Gate, Insufficient, RecoverFrom, Settled, settle
from hub.subscriptions import Phase, Subscription
from hub.tokens.claims import Override

if TYPE_CHECKING:
    from hub.config import ChannelOptions
    from hub.connection import Connection
    from hub.engine import History
    from hub.hub import Hub

logger = logging.getLogger(__name__)

MAX_TTL_S = 365 * 24 * 3600
"""Longest lifetime told to a client: JavaScript timers overflow beyond."""

NO_OVERRIDE = Override()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the subscriber asks for; granted as far as its channel allows."""

    recover: RecoverFrom | None = None
    is_positioned: bool = False
    is_recoverable: bool = False
    sees_join_leave: bool = False
    rejects_unrecovered: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What whoever allowed the subscription attached to it (a token, a backend)."""

    info: OptionalRaw = UNSET
    data: OptionalRaw = UNSET
    expire_at_s: float = 0.0
    override: Override = NO_OVERRIDE


NO_WISH = Wish()
PLAIN_GRANT = Grant()


@dataclass(slots=True, kw_only=True)
class Joining:
    """A subscription whose history is read and whose answer is still to be decided."""

    subscription: Subscription
    wish: Wish
    grant: Grant
    options: ChannelOptions
    history: History | None = None
    wanted: RecoverFrom | None = None

    @property
    def is_cache(self) -> bool:
        return self.options.force_recovery_mode == "cache"


async def begin_join(
    connection: Connection,
    channel: str,
    options: ChannelOptions,
    *,
    wish: Wish = NO_WISH,
    grant: Grant = PLAIN_GRANT,
    is_server_side: bool = False,
) -> Joining:
    """Reserve the subscription and gather what its answer needs. On failure nothing of it is left.

    Raises:
        ReplyError: 103 the channel is guarded (Hub.guards), 105 subscribed already, 106 too many channels, 110 expired;
            100 when it was ended meanwhile.
        Disconnected: 3505 too many channels, server-side.
        EngineUnavailable: no answer in time.
    """
    hub = connection.hub
    guard = hub.guards.get(channel)
    if guard is not None and not guard(connection):
        raise ReplyError(codes.PERMISSION_DENIED)
    await hub.departures.settled(connection, channel)
    _check_expiry(hub, grant)
    subscription = _reserve(connection, channel, options, is_server_side=is_server_side)
    _grant(subscription, options, wish, grant)
    joining = Joining(subscription=subscription, wish=wish, grant=grant, options=options)
    if subscription.is_recoverable and (wish.recover is not None or (joining.is_cache and options.auto_cache_recover)):
        joining.wanted = wish.recover or RecoverFrom(0, "")
    try:
        await attach(hub, subscription.channel)
        _require_wanted(subscription)
        if subscription.is_positioned:
            joining.history = await _read_history(hub, joining)
            _require_wanted(subscription)
        if subscription.has_presence:
            await hub.presence.add(subscription)
            _require_wanted(subscription)
    except BaseException:
        hub.abandon(subscription)
        raise
    return joining


def _require_wanted(subscription: Subscription) -> None:
    """A backend, or the end of the connection, may have ended it while it waited."""
    if subscription.has_left():
        raise ReplyError(codes.INTERNAL)


def settle_join(joining: Joining) -> SubscribeResult:
    """Decide what the subscriber is told. `go_live` must follow before anything else runs.

    Raises:
        ReplyError: 112, recovery failed and the client said to reject that.
        Disconnected: 3010, continuity cannot be proven.
    """
    subscription, wish = joining.subscription, joining.wish
    result = SubscribeResult(
        data=joining.grant.data,
        recoverable=subscription.is_recoverable,
        positioned=subscription.is_positioned,
        was_recovering=subscription.is_recoverable and wish.recover is not None,
    )
    if subscription.expire_at_s:
        result.expires, result.ttl = True, ttl_s(subscription.connection.hub, subscription.expire_at_s)
    if joining.history is None:
        return result
    settled = _settle(joining, joining.history)
    subscription.served_offset = settled.served.offset
    result.epoch = settled.served.epoch
    result.recovered = settled.is_recovered
    result.offset = settled.served.offset
    if settled.is_recovered and joining.wanted is not None:
        result.offset = joining.wanted.offset
        if settled.publications:
            result.publications = settled.publications
    return result


def go_live(joining: Joining) -> None:
    """Serve the subscription from the position that `settle_join` told."""
    subscription = joining.subscription
    channel, fan_out = subscription.channel, subscription.connection.hub.fan_out
    if joining.history is None:
        channel.enter(subscription, fan_out)
        return
    subscription.gate = None
    known = channel.position
    if known is not None and known.offset < subscription.served_offset:
        # Its history was ahead of what the node has seen: it joins when the node is there, or it would see doubles.
        subscription.phase = Phase.CATCHING_UP
        return
    channel.enter(subscription, fan_out)


async def announce_join(subscription: Subscription) -> None:
    """Tell the channel, the newcomer included. After the answer, so that it comes after it.

    At most once: the subscription stands whether or not the engine takes the announcement.
    """
    if not subscription.emits_join_leave or subscription.has_left():
        return
    hub = subscription.connection.hub
    subscription.is_announced = True
    try:
        await hub.engine.publish_join(subscription.channel.name, subscription.client_info())
    except EngineUnavailable:
        hub.counters.announcements_lost += 1
        logger.warning("join_not_announced")


def ttl_s(hub: Hub, expire_at_s: float) -> int:
    """Whole seconds until a wall-clock time, as the protocol tells them: at least 1, at most a year."""
    return max(1, min(MAX_TTL_S, int(expire_at_s - hub.clock.now_s())))


def _check_expiry(hub: Hub, grant: Grant) -> None:
    if grant.expire_at_s and grant.expire_at_s <= hub.clock.now_s():
        raise ReplyError(codes.EXPIRED)


def _reserve(connection: Connection, channel: str, options: ChannelOptions, *, is_server_side: bool) -> Subscription:
    hub = connection.hub
    if connection.is_over():
        raise ReplyError(codes.INTERNAL)
    if channel in connection.subscriptions:
        raise ReplyError(codes.ALREADY_SUBSCRIBED)
    limit = hub.config.client.channel_limit
    if limit and len(connection.subscriptions) >= limit:
        if is_server_side:
            raise Disconnected(codes.CHANNEL_LIMIT)
        raise ReplyError(codes.LIMIT_EXCEEDED)
    live = hub.index.open(channel, options)
    subscription = Subscription(connection, live, is_server_side=is_server_side)
    live.reserve(subscription)
    connection.subscriptions[channel] = subscription
    hub.index.count(live, 1)
    return subscription


def _grant(subscription: Subscription, options: ChannelOptions, wish: Wish, grant: Grant) -> None:
    """Work out what the subscription is, from its namespace, its wish and the overrides of its grant."""
    override = grant.override
    connection = subscription.connection
    actor = connection.hub.actor(connection, subscription.channel.name)
    may_read = may_read_history(options, actor)
    force_recovery = _overridden(override.force_recovery, options.force_recovery)
    force_positioning = _overridden(override.force_positioning, options.force_positioning)
    is_recoverable = force_recovery or (wish.is_recoverable and (options.allow_recovery or may_read))
    is_positioned = (
        is_recoverable or force_positioning or (wish.is_positioned and (options.allow_positioning or may_read))
    )
    subscription.info = grant.info
    subscription.expire_at_s = grant.expire_at_s
    subscription.is_recoverable = options.has_history and is_recoverable
    subscription.is_positioned = options.has_history and is_positioned
    subscription.has_presence = _overridden(override.presence, options.presence)
    subscription.emits_join_leave = _overridden(override.join_leave, options.join_leave)
    subscription.sees_join_leave = _overridden(override.force_push_join_leave, options.force_push_join_leave) or (
        wish.sees_join_leave and may_see_presence(options, actor)
    )
    if subscription.is_positioned:
        subscription.gate = Gate()


def _overridden(override: bool | None, option: bool) -> bool:  # a pair of values, not a switch
    return option if override is None else override


async def _read_history(hub: Hub, joining: Joining) -> History:
    """What settling needs: the position, and for a recovery the publications behind it."""
    meta_ttl_s = hub.channels.history_meta_ttl_s(joining.options)
    wanted = joining.wanted
    if wanted is None:
        query = HistoryQuery(meta_ttl_s=meta_ttl_s)
    elif joining.is_cache:
        query = HistoryQuery(limit=1, reverse=True, meta_ttl_s=meta_ttl_s)
    else:
        limit = hub.config.client.recovery_max_publication_limit or -1
        since = StreamPosition(offset=wanted.offset, epoch=wanted.epoch)
        query = HistoryQuery(limit=limit, since=since, meta_ttl_s=meta_ttl_s)
    return await hub.engine.history(joining.subscription.channel.name, query)


def _settle(joining: Joining, history: History) -> Settled:
    subscription = joining.subscription
    hub, channel = subscription.connection.hub, subscription.channel
    assert subscription.gate is not None, "a positioned subscription joins through a gate"
    limit = hub.config.client.recovery_max_publication_limit
    try:
        settled = settle(subscription.gate, history, joining.wanted, is_cache=joining.is_cache, limit=limit)
        hub.meet(channel, settled.served)
    except Insufficient as exc:
        hub.counters.insufficient_state += 1
        raise Disconnected(codes.INSUFFICIENT_STATE) from exc
    if joining.wanted is not None:
        _count(hub, settled)
        if joining.wish.rejects_unrecovered and not settled.is_recovered:
            raise ReplyError(codes.UNRECOVERABLE_POSITION)
    return settled


def _count(hub: Hub, settled: Settled) -> None:
    if settled.is_recovered:
        hub.counters.recovered += 1
        hub.counters.recovered_publications += len(settled.publications)
    else:
        hub.counters.unrecovered += 1
