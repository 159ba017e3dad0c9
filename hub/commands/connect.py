"""connect: who the client is, and the subscriptions it begins with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from msgspec import UNSET

from hub.channels import personal_channel
from hub.errors import Disconnected, ReplyError
from hub.joining import Grant, Joining, Wish, announce_join, begin_join, go_live, settle_join, ttl_s
from hub.protocol import codes
from hub.protocol.messages import ConnectResult, Reply
from hub.recovery import RecoverFrom
from hub.tokens.claims import ConnectClaims, Override, TokenExpired, TokenInvalid, TokenSubscription

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hub.connection import Connection
    from hub.hub import Hub
    from hub.protocol.messages import ConnectRequest, SubscribeResult

_NO_SUBSCRIPTION = TokenSubscription()


class _Admitted(NamedTuple):
    claims: ConnectClaims
    subscriptions: Mapping[str, TokenSubscription]


async def handle_connect(connection: Connection, command_id: int, request: ConnectRequest) -> None:
    """Admit the client, open its server-side subscriptions, answer, then let their publications flow."""
    hub = connection.hub
    admitted = await _admit(connection, request)
    joinings = await _join_all(connection, request, admitted)
    results = {joining.subscription.channel.name: settle_join(joining) for joining in joinings}
    connection.reply(Reply(id=command_id, connect=_result(connection, results)))
    for joining in joinings:
        go_live(joining)
    hub.counters.connections_opened += 1
    for joining in joinings:
        await announce_join(joining.subscription)


async def _admit(connection: Connection, request: ConnectRequest) -> _Admitted:
    hub = connection.hub
    claims = await _authenticate(connection, request)
    subscriptions = dict(claims.subs)
    personal = hub.config.client.subscribe_to_user_personal_channel
    if personal.enabled and claims.user:
        subscriptions[personal_channel(claims.user, personal.personal_channel_namespace)] = _NO_SUBSCRIPTION
    for channel in subscriptions:
        hub.channels.options(channel)
    _check_limit(hub, claims.user)
    connection.establish(claims.user, info=claims.info, expire_at_s=claims.expire_at_s, meta=claims.meta)
    if personal.enabled and personal.single_connection and claims.user:
        _end_other_connections(connection)
    return _Admitted(claims, subscriptions)


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
        claims = await hub.tokens.verify_connect(token, ignore_expiry=config.insecure)
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


def _claims_of_user(user: str) -> ConnectClaims:
    return ConnectClaims(user=user, expire_at_s=0.0, info=UNSET, subs={}, meta=None)


def _check_limit(hub: Hub, user: str) -> None:
    limit = hub.config.client.user_connection_limit
    if limit and user and len(hub.registry.of_user(user)) >= limit:
        raise Disconnected(codes.CONNECTION_LIMIT)


def _end_other_connections(connection: Connection) -> None:
    for other in connection.hub.registry.of_user(connection.user):
        if other is not connection:
            other.close(codes.CONNECTION_LIMIT)


async def _join_all(connection: Connection, request: ConnectRequest, admitted: _Admitted) -> list[Joining]:
    hub = connection.hub
    wanted = {} if request.subs is UNSET else request.subs
    joinings = []
    for channel, subscription in admitted.subscriptions.items():
        position = wanted.get(channel)
        recover = RecoverFrom(position.offset, position.epoch) if position is not None and position.recover else None
        grant = Grant(info=subscription.info, data=subscription.data, override=subscription.override or Override())
        joinings.append(
            await begin_join(
                connection,
                channel,
                hub.channels.options(channel),
                wish=Wish(recover=recover),
                grant=grant,
                is_server_side=True,
            )
        )
    return joinings


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
