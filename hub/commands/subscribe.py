"""subscribe and unsubscribe: a client's way into a channel and out of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import UNSET

from hub.channels import is_listed, is_private, is_user_limited
from hub.errors import Disconnected, ReplyError
from hub.joining import NO_WISH, PLAIN_GRANT, Grant, Wish, announce_join, begin_join, go_live, settle_join
from hub.permissions import may_subscribe
from hub.protocol import codes
from hub.protocol.messages import FLAG_REJECT_UNRECOVERED, Reply, UnsubscribeResult
from hub.recovery import RecoverFrom
from hub.tokens.claims import Override, TokenExpired, TokenInvalid

if TYPE_CHECKING:
    from hub.config import ChannelOptions
    from hub.connection import Connection
    from hub.protocol.messages import SubscribeRequest, UnsubscribeRequest

_UNSUBSCRIBED = UnsubscribeResult()

DELTA_TYPES = ("", "fossil")


async def handle_subscribe(connection: Connection, command_id: int, request: SubscribeRequest) -> None:
    """Subscribe: the answer first, then the channel's publications, then the newcomer's own join."""
    hub, channel = connection.hub, request.channel
    options = hub.channels.client_options(channel)
    _check_form(request)
    if channel in connection.subscriptions:
        raise ReplyError(codes.ALREADY_SUBSCRIBED)
    grant = await _authorize(connection, options, request)
    joining = await begin_join(connection, channel, options, wish=_wish(request), grant=grant)
    try:
        connection.reply(Reply(id=command_id, subscribe=settle_join(joining)))
        go_live(joining)
    except BaseException:
        hub.abandon(joining.subscription)
        raise
    await announce_join(joining.subscription)


async def handle_unsubscribe(connection: Connection, command_id: int, request: UnsubscribeRequest) -> None:
    """Unsubscribe; succeeds also when there was no subscription.

    A connection with a login session stays in the channels of its token: by its presence there its user sees it.
    """
    if not request.channel:
        raise Disconnected(codes.BAD_REQUEST_DISCONNECT)
    if connection.session is not None and request.channel in connection.token_channels:
        raise ReplyError(codes.PERMISSION_DENIED)
    subscription = connection.subscriptions.get(request.channel)
    if subscription is not None:
        await connection.hub.depart(subscription)
    connection.reply(Reply(id=command_id, unsubscribe=_UNSUBSCRIBED))


def _check_form(request: SubscribeRequest) -> None:
    if request.delta not in DELTA_TYPES:
        raise Disconnected(codes.BAD_REQUEST_DISCONNECT)
    if request.type:
        raise ReplyError(codes.PERMISSION_DENIED)
    if request.tf is not UNSET:
        raise ReplyError(codes.BAD_REQUEST)


def _wish(request: SubscribeRequest) -> Wish:
    rejects_unrecovered = bool(request.flag & FLAG_REJECT_UNRECOVERED)
    asks = request.recover or request.positioned or request.recoverable or request.join_leave
    if not (asks or rejects_unrecovered):
        return NO_WISH
    return Wish(
        recover=RecoverFrom(request.offset, request.epoch) if request.recover else None,
        is_positioned=request.positioned,
        is_recoverable=request.recoverable,
        sees_join_leave=request.join_leave,
        rejects_unrecovered=rejects_unrecovered,
    )


async def _authorize(connection: Connection, options: ChannelOptions, request: SubscribeRequest) -> Grant:
    """Decide by token alone when there is one; else by the users a channel lists; else by its namespace."""
    channel = request.channel
    if request.token:
        return await _grant_of_token(connection, channel, request.token)
    if is_private(channel):
        raise ReplyError(codes.PERMISSION_DENIED)
    actor = connection.hub.actor(connection, channel)
    if is_user_limited(channel):
        is_member = options.allow_user_limited_channels and bool(actor.user) and is_listed(actor.user, channel)
        allowed = is_member or actor.is_insecure
    else:
        allowed = may_subscribe(options, actor)
    if not allowed:
        raise ReplyError(codes.PERMISSION_DENIED)
    return PLAIN_GRANT


async def _grant_of_token(connection: Connection, channel: str, token: str) -> Grant:
    hub = connection.hub
    is_insecure = hub.config.client.insecure
    try:
        claims = await hub.subscription_tokens.verify_subscribe(token, ignore_expiry=is_insecure)
    except TokenExpired as exc:
        raise ReplyError(codes.TOKEN_EXPIRED) from exc
    except TokenInvalid as exc:
        raise ReplyError(codes.PERMISSION_DENIED) from exc
    is_ours = claims.channel == channel and claims.user == connection.user
    if not is_ours or (claims.client and claims.client != connection.client_id):
        raise Disconnected(codes.INVALID_TOKEN)
    expire_at_s = 0.0 if is_insecure else claims.expire_at_s
    return Grant(info=claims.info, data=claims.data, expire_at_s=expire_at_s, override=claims.override or Override())
