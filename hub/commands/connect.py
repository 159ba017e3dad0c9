"""connect: who the client is, and the subscriptions it begins with."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from msgspec import UNSET

from hub.channels import personal_channel
from hub.control_operations import DisconnectUser
from hub.errors import Disconnected, EngineUnavailable, ReplyError
from hub.joining import Grant, Joining, Wish, announce_join, begin_join, go_live, settle_join, ttl_s
from hub.protocol import codes
from hub.protocol.messages import ConnectResult, Reply
from hub.recovery import RecoverFrom
from hub.tokens.claims import ConnectClaims, Override, TokenExpired, TokenInvalid, TokenSubscription
from hub.traced_work import linked_work
from hub.tracing import Kind

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.hub import Hub
    from hub.protocol.messages import ConnectRequest, SubscribeResult
    from hub.tracing import Attribute

logger = logging.getLogger(__name__)

_NO_SUBSCRIPTION = TokenSubscription()
_ANONYMOUS = ConnectClaims(user="", expire_at_s=0.0, info=UNSET, subs={}, meta=None)


async def handle_connect(connection: Connection, command_id: int, request: ConnectRequest) -> None:
    """Admit the client, open its server-side subscriptions, answer, then let their publications flow.

    Nobody finds the connection before it is answered; when it is refused, nothing of it is left. It is followed when
    its upgrade was.
    """
    traces, upgrade = connection.hub.traces, connection.handshake.trace
    if traces is None or upgrade is None or not upgrade.is_sampled:
        await _connect(connection, command_id, request)
        return
    attributes: dict[str, Attribute] = {"rpc.system.name": "syncline", "rpc.method": "connect"}
    with linked_work(traces, "connect", Kind.SERVER, (upgrade,), attributes):
        await _connect(connection, command_id, request)


async def _connect(connection: Connection, command_id: int, request: ConnectRequest) -> None:
    hub = connection.hub
    claims = await _authenticate(connection, request)
    check_session(hub, claims)
    subscriptions = _server_side(hub, claims)
    _check_limit(hub, claims.user)
    connection.identify(claims.user, claims.info, claims.session)
    joinings = await _join_all(connection, request, subscriptions)
    try:
        results = {joining.subscription.channel.name: settle_join(joining) for joining in joinings}
        if connection.is_over():
            raise ReplyError(codes.INTERNAL)
        _check_limit(hub, claims.user)  # others of this user may have come while this one waited
        check_session(hub, claims)  # a revocation that came meanwhile did not find this one
        _check_roles(hub, claims)  # nor did a change of roles
        connection.establish(claims.expire_at_s, frozenset(claims.subs))
        connection.reply(Reply(id=command_id, connect=_result(connection, results)))
        for joining in joinings:
            go_live(joining)
    except BaseException:
        _abandon(hub, joinings)
        raise
    hub.counters.connections_opened += 1
    for joining in joinings:
        await announce_join(joining.subscription)
    await _end_other_connections(connection)


def _server_side(hub: Hub, claims: ConnectClaims) -> dict[str, TokenSubscription]:
    """The channels that the token and the configuration subscribe this user to."""
    subscriptions = dict(claims.subs)
    personal = hub.config.client.subscribe_to_user_personal_channel
    if personal.enabled and claims.user:
        subscriptions[personal_channel(claims.user, personal.personal_channel_namespace)] = _NO_SUBSCRIPTION
    for channel in subscriptions:
        hub.channels.options(channel)
    return subscriptions


def _abandon(hub: Hub, joinings: list[Joining]) -> None:
    for joining in joinings:
        hub.abandon(joining.subscription)


async def _authenticate(connection: Connection, request: ConnectRequest) -> ConnectClaims:
    """By token when there is one; else by what the transport knows; else anonymously where that is allowed."""
    config = connection.hub.config.client
    if request.token:
        return await _claims_of_token(connection.hub, request.token)
    if connection.handshake.user is not None:
        return _claims_of_user(connection.handshake.user)
    if config.insecure or config.allow_anonymous_connect_without_token:
        return _claims_of_user("")
    raise Disconnected(codes.BAD_REQUEST_DISCONNECT)


async def _claims_of_token(hub: Hub, token: str) -> ConnectClaims:
    config = hub.config.client
    try:
        claims = await verify(hub, token)
    except TokenExpired as exc:
        raise ReplyError(codes.TOKEN_EXPIRED) from exc
    except TokenInvalid as exc:
        raise Disconnected(codes.INVALID_TOKEN) from exc
    if not claims.user and config.disallow_anonymous_connection_tokens:
        raise Disconnected(codes.PERMISSION_DENIED_DISCONNECT)
    if config.insecure:
        return replace(claims, expire_at_s=0.0)
    if claims.expire_at_s and claims.expire_at_s <= hub.clock.now_s():
        raise ReplyError(codes.EXPIRED)
    return claims


async def verify(hub: Hub, token: str) -> ConnectClaims:
    """The claims of a connection token, whether this platform or somebody configured has issued it.

    Raises:
        TokenExpired, TokenInvalid, KeysUnavailable
    """
    if hub.authority is not None:
        claims = await hub.authority.authenticate(token)
        if claims is not None:
            return claims
    return await hub.tokens.verify_connect(token, ignore_expiry=hub.config.client.insecure)


def check_session(hub: Hub, claims: ConnectClaims) -> None:
    """Raises Disconnected when the token's session has ended, as far as this node knows."""
    if claims.session is not None and hub.authority is not None and hub.authority.is_revoked(claims.session):
        raise Disconnected(codes.SESSION_REVOKED)


def _check_roles(hub: Hub, claims: ConnectClaims) -> None:
    """Raises ReplyError when the token tells roles that its session no longer has: the client gets a new one."""
    if claims.session is not None and hub.authority is not None and hub.authority.is_outdated(claims.session):
        raise ReplyError(codes.TOKEN_EXPIRED)


def _claims_of_user(user: str) -> ConnectClaims:
    return ConnectClaims(user=user, expire_at_s=0.0, info=UNSET, subs={}, meta=None) if user else _ANONYMOUS


def _check_limit(hub: Hub, user: str) -> None:
    limit = hub.config.client.user_connection_limit
    if not limit or not user:
        return
    if sum(not other.is_over() for other in hub.registry.of_user(user)) >= limit:
        raise Disconnected(codes.CONNECTION_LIMIT)


async def _end_other_connections(connection: Connection) -> None:
    """With `single_connection` the newest connection of a user is the only one, on all nodes."""
    hub = connection.hub
    personal = hub.config.client.subscribe_to_user_personal_channel
    if not (personal.enabled and personal.single_connection and connection.user):
        return
    why = codes.CONNECTION_LIMIT
    stays = {connection.client_id}
    try:
        await hub.control.perform(
            DisconnectUser(user=connection.user, code=why.code, reason=why.reason, whitelist=stays)
        )
    except EngineUnavailable:
        logger.warning("other_nodes_not_told", extra={"client": connection.client_id})


async def _join_all(
    connection: Connection, request: ConnectRequest, subscriptions: dict[str, TokenSubscription]
) -> list[Joining]:
    joinings: list[Joining] = []
    try:
        for channel, subscription in subscriptions.items():
            joinings.append(await _join(connection, request, channel, subscription))
    except BaseException:
        _abandon(connection.hub, joinings)
        raise
    return joinings


async def _join(
    connection: Connection, request: ConnectRequest, channel: str, subscription: TokenSubscription
) -> Joining:
    position = None if request.subs is UNSET else request.subs.get(channel)
    recover = RecoverFrom(position.offset, position.epoch) if position is not None and position.recover else None
    return await begin_join(
        connection,
        channel,
        connection.hub.channels.options(channel),
        wish=Wish(recover=recover),
        grant=Grant(info=subscription.info, data=subscription.data, override=subscription.override or Override()),
        is_server_side=True,
    )


def _result(connection: Connection, subs: dict[str, SubscribeResult]) -> ConnectResult:
    hub = connection.hub
    client = hub.config.client
    result = ConnectResult(client=connection.client_id, version=hub.config.version)
    if connection.expire_at_s:
        result.expires, result.ttl = True, ttl_s(hub, connection.expire_at_s)
    if subs:
        result.subs = subs
    if client.ping_interval_s:
        result.ping, result.pong = max(1, round(client.ping_interval_s)), True
    if client.connect_include_server_time:
        result.time = int(hub.clock.now_s() * 1000)
    return result
