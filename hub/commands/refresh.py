"""refresh and sub_refresh: a new token before the old one's time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.commands.connect import check_session, verify
from hub.errors import Disconnected, ReplyError
from hub.joining import ttl_s
from hub.protocol import codes
from hub.protocol.messages import RefreshResult, Reply, SubRefreshResult
from hub.tokens.claims import TokenExpired, TokenInvalid

if TYPE_CHECKING:
    from hub.connection import Connection
    from hub.protocol.messages import RefreshRequest, SubRefreshRequest
    from hub.subscriptions import Subscription
    from hub.tokens.claims import ConnectClaims, SessionRef


async def handle_refresh(connection: Connection, command_id: int, request: RefreshRequest) -> None:
    """Extend the connection's right to be here."""
    hub = connection.hub
    if not request.token:
        raise Disconnected(codes.BAD_REQUEST_DISCONNECT)
    try:
        claims = await verify(hub, request.token)
    except TokenExpired as exc:
        raise Disconnected(codes.CONNECTION_EXPIRED) from exc
    except TokenInvalid as exc:
        raise Disconnected(codes.INVALID_TOKEN) from exc
    _check_same_client(connection, claims)
    connection.session = claims.session
    connection.set_expiry(0.0 if hub.config.client.insecure else claims.expire_at_s)
    connection.info = claims.info
    result = RefreshResult(client=connection.client_id, version=hub.config.version)
    if connection.expire_at_s:
        result.expires, result.ttl = True, ttl_s(hub, connection.expire_at_s)
    connection.reply(Reply(id=command_id, refresh=result))


def _check_same_client(connection: Connection, claims: ConnectClaims) -> None:
    if claims.user != connection.user or _sid(claims.session) != _sid(connection.session):
        raise Disconnected(codes.INVALID_TOKEN)
    check_session(connection.hub, claims)
    if frozenset(claims.subs) != connection.token_channels:
        # Other subscriptions than it began with: it has to connect anew to get or lose them.
        raise Disconnected(codes.INSUFFICIENT_STATE)


def _sid(session: SessionRef | None) -> str:
    return "" if session is None else session.sid


async def handle_sub_refresh(connection: Connection, command_id: int, request: SubRefreshRequest) -> None:
    """Extend one subscription."""
    if not request.channel:
        raise Disconnected(codes.BAD_REQUEST_DISCONNECT)
    subscription = connection.subscriptions.get(request.channel)
    if subscription is None:
        raise ReplyError(codes.PERMISSION_DENIED)
    if not request.token:
        raise ReplyError(codes.BAD_REQUEST)
    await _extend(connection, subscription, request.token)
    result = SubRefreshResult()
    if subscription.expire_at_s:
        result.expires, result.ttl = True, ttl_s(connection.hub, subscription.expire_at_s)
    connection.reply(Reply(id=command_id, sub_refresh=result))


async def _extend(connection: Connection, subscription: Subscription, token: str) -> None:
    hub = connection.hub
    is_insecure = hub.config.client.insecure
    try:
        claims = await hub.subscription_tokens.verify_subscribe(token, ignore_expiry=is_insecure)
    except TokenExpired as exc:
        raise ReplyError(codes.EXPIRED) from exc
    except TokenInvalid as exc:
        raise Disconnected(codes.INVALID_TOKEN) from exc
    is_ours = claims.channel == subscription.channel.name and claims.user == connection.user
    if not is_ours or (claims.client and claims.client != connection.client_id):
        raise Disconnected(codes.INVALID_TOKEN)
    if claims.expire_at_s and claims.expire_at_s <= hub.clock.now_s() and not is_insecure:
        raise ReplyError(codes.EXPIRED)
    subscription.expire_at_s = 0.0 if is_insecure else claims.expire_at_s
    subscription.info = claims.info
