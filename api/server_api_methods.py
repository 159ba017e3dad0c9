"""What each method of the server HTTP API does: one function per method, found through one table."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from api import server_api_requests as requests
from hub.census import NodeReport, count_clients, node_reports
from hub.commands.rpc import RPCCall
from hub.control_operations import DisconnectUser, RefreshUser, SubscribeUser, UnsubscribeUser
from hub.engine import NodeInfo
from hub.errors import EngineUnavailable, ReplyError
from hub.payload import clean_payload, parse_payload
from hub.protocol import codes
from hub.protocol.codes import ErrorCode
from hub.publishing import PLAINLY, How

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from hub.engine import PublishOutcome
    from hub.hub import Hub
    from hub.publishing import Prepared

    Method = Callable[[Hub, Any], Awaitable[object]]

EMPTY: dict[str, object] = {}

MAX_BROADCAST_CHANNELS = 10_000
MAX_IDEMPOTENCY_KEY = 255
MAX_PATTERN = 255

PER_SLICE = 256
"""Channels handled before other work of the loop runs."""


class Published(Struct, omit_defaults=True, gc=False):
    """The position of a publication; nothing where the channel keeps no history."""

    offset: int = 0
    epoch: str = ""


_PUBLISHED_WITHOUT_HISTORY = Published()


def bad_request(field: str, why: str) -> ReplyError:
    """Error 107 that names what is wrong."""
    return ReplyError(ErrorCode(codes.BAD_REQUEST.code, f"{codes.BAD_REQUEST.message}: {field} {why}"))


async def publish(hub: Hub, request: requests.PublishRequest) -> Published:
    if not request.channel:
        raise bad_request("channel", "is required")
    return published(await hub.publish(request.channel, _data(request), tags=request.tags, how=_how(request)))


def prepared(hub: Hub, request: requests.PublishRequest) -> Prepared:
    """What `publish` would publish, checked and not published. Raises ReplyError."""
    if not request.channel:
        raise bad_request("channel", "is required")
    return hub.publishing.prepare(request.channel, _data(request), request.tags, _how(request))


async def broadcast(hub: Hub, request: requests.BroadcastRequest) -> object:
    """Publish the same data to many channels; each has its own answer, in order."""
    if request.channels is UNSET or not request.channels:
        raise bad_request("channels", "is required")
    if len(request.channels) > MAX_BROADCAST_CHANNELS:
        raise bad_request("channels", f"has more than {MAX_BROADCAST_CHANNELS} entries")
    data, how = _data(request), _how(request)
    responses: list[dict[str, object]] = []
    for count, channel in enumerate(request.channels, 1):
        try:
            outcome = await hub.publish(channel, data, tags=request.tags, how=how)
            responses.append({"result": published(outcome)})
        except ReplyError as failure:
            responses.append({"error": error_body(failure)})
        except EngineUnavailable:
            responses.append({"error": error_body(ReplyError(codes.INTERNAL))})
        if count % PER_SLICE == 0:
            await asyncio.sleep(0)
    return {"responses": responses}


def _how(request: requests.PublishRequest | requests.BroadcastRequest) -> How:
    if request.skip_history or request.idempotency_key or request.version:
        if len(request.idempotency_key) > MAX_IDEMPOTENCY_KEY:
            raise bad_request("idempotency_key", f"is longer than {MAX_IDEMPOTENCY_KEY} characters")
        return How(request.skip_history, request.idempotency_key, request.version, request.version_epoch)
    return PLAINLY


def published(outcome: PublishOutcome) -> Published:
    position = outcome.position
    return _PUBLISHED_WITHOUT_HISTORY if position is None else Published(position.offset, position.epoch)


async def subscribe(hub: Hub, request: requests.SubscribeRequest) -> object:
    """Server-side subscriptions for a user's connections."""
    user = _user(request.user)
    if not request.channel:
        raise bad_request("channel", "is required")
    hub.channels.options(request.channel)
    if request.expire_at and request.expire_at <= hub.clock.now_s():
        raise bad_request("expire_at", "has passed")
    operation = SubscribeUser(
        user=user,
        client=request.client,
        channel=request.channel,
        info=_raw("info", request.info, request.b64info),
        data=_raw("data", request.data, request.b64data),
        expire_at_s=float(request.expire_at),
        recover_since=request.recover_since,
        override=_override(request.override),
    )
    _require_no_session(request.session)
    await hub.control.perform(operation)
    return EMPTY


async def unsubscribe(hub: Hub, request: requests.UnsubscribeRequest) -> object:
    user = _user(request.user)
    if request.channel:
        hub.channels.options(request.channel)
    _require_no_session(request.session)
    await hub.control.perform(UnsubscribeUser(user=user, client=request.client, channel=request.channel))
    return EMPTY


async def disconnect(hub: Hub, request: requests.DisconnectRequest) -> object:
    user = _user(request.user)
    how = codes.FORCE_DISCONNECT if request.disconnect is UNSET else _disconnect(request.disconnect)
    _require_no_session(request.session)
    await hub.control.perform(
        DisconnectUser(user=user, client=request.client, code=how.code, reason=how.reason, whitelist=request.whitelist)
    )
    return EMPTY


async def refresh(hub: Hub, request: requests.RefreshRequest) -> object:
    user = _user(request.user)
    _require_no_session(request.session)
    await hub.control.perform(
        RefreshUser(
            user=user,
            client=request.client,
            expired=request.expired,
            expire_at_s=float(request.expire_at),
            info=_raw("info", request.info, ""),
        )
    )
    return EMPTY


async def presence(hub: Hub, request: requests.ChannelRequest) -> object:
    _require_presence(hub, request.channel)
    return {"presence": dict(await hub.engine.presence(request.channel))}


async def presence_stats(hub: Hub, request: requests.ChannelRequest) -> object:
    _require_presence(hub, request.channel)
    stats = await hub.engine.presence_stats(request.channel)
    return {"num_clients": stats.num_clients, "num_users": stats.num_users}


async def history(hub: Hub, request: requests.HistoryRequest) -> object:
    since = None if request.since is UNSET else request.since
    found = await hub.history(request.channel, limit=request.limit, since=since, reverse=request.reverse)
    top = found.position
    return {"publications": found.publications, "offset": top.offset, "epoch": top.epoch}


async def history_remove(hub: Hub, request: requests.ChannelRequest) -> object:
    if not hub.channels.options(request.channel).has_history:
        raise ReplyError(codes.NOT_AVAILABLE)
    await hub.engine.remove_history(request.channel)
    return EMPTY


async def channels(hub: Hub, request: requests.ChannelsRequest) -> object:
    """The channels with subscribers, on all nodes."""
    if len(request.pattern) > MAX_PATTERN:
        raise bad_request("pattern", f"is longer than {MAX_PATTERN} characters")
    totals = await count_clients(hub, request.pattern)
    return {"channels": {name: {"num_clients": num_clients} for name, num_clients in totals.items()}}


async def info(hub: Hub, request: requests.InfoRequest) -> object:  # noqa: ARG001  # table signature
    return {"nodes": [_node(report) for report in await node_reports(hub)]}


def _node(report: NodeReport | NodeInfo) -> dict[str, object]:
    node = report if isinstance(report, NodeInfo) else report.node
    described: dict[str, object] = {
        "uid": node.uid,
        "name": node.name,
        "version": node.version,
        "num_clients": node.num_clients,
        "num_users": node.num_users,
        "num_subs": node.num_subs,
        "num_channels": node.num_channels,
        "uptime": node.uptime_s,
    }
    if isinstance(report, NodeReport):
        described["metrics"] = {"interval": report.interval_s, "items": report.metrics}
        described["process"] = report.process
    return described


async def rpc(hub: Hub, request: requests.RPCRequest) -> object:
    if not request.method:
        raise bad_request("method", "is required")
    if request.method not in hub.rpc:
        raise ReplyError(codes.METHOD_NOT_FOUND)
    data = await hub.rpc.call(RPCCall(request.method, request.params, None))
    return EMPTY if data is UNSET else {"data": data}


def error_body(failure: ReplyError) -> dict[str, object]:
    return {"code": failure.error.code, "message": failure.error.message}


def _data(request: requests.PublishRequest | requests.BroadcastRequest) -> Raw:
    """The payload, checked once however many channels it goes to."""
    if request.b64data:
        return parse_payload(_decoded("b64data", request.b64data))
    data = request.data
    if data is not UNSET:
        return clean_payload(bytes(data))
    raise bad_request("data", "is required")


def _raw(field: str, raw: Raw | UnsetType, encoded: str) -> Raw | UnsetType:
    if encoded:
        return parse_payload(_decoded(f"b64{field}", encoded))
    return raw if raw is UNSET else clean_payload(bytes(raw))


def _decoded(field: str, encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise bad_request(field, "is not base64") from exc


def _user(user: str | UnsetType) -> str:
    """ "" is a user too, the anonymous one; leaving it out is not. cent sends it always."""
    if user is UNSET:
        raise bad_request("user", "is required")
    return user


def _disconnect(wanted: requests.DisconnectWith) -> codes.Disconnect:
    """A close code that may travel, with a reason that SDKs do not misread (trap 1)."""
    code = wanted.code or codes.FORCE_DISCONNECT.code
    if code not in codes.CLOSE_CODES:
        raise bad_request("disconnect.code", "must be from 3001 to 4999")
    if len(wanted.reason.encode()) > codes.MAX_CLOSE_REASON_BYTES:
        raise bad_request("disconnect.reason", f"is longer than {codes.MAX_CLOSE_REASON_BYTES} bytes")
    reason = wanted.reason or codes.FORCE_DISCONNECT.reason
    if _is_json(reason):
        raise bad_request("disconnect.reason", "must be plain text, not JSON")
    return codes.Disconnect(code, reason)


def _is_json(text: str) -> bool:
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError:
        return False
    return True


def _override(override: requests.Override | UnsetType) -> dict[str, bool] | UnsetType:
    if override is UNSET:
        return UNSET
    named = {name: getattr(override, name) for name in override.__struct_fields__}
    return {name: choice.value for name, choice in named.items() if choice is not UNSET}


def _require_presence(hub: Hub, channel: str) -> None:
    if not hub.channels.options(channel).presence:
        raise ReplyError(codes.NOT_AVAILABLE)


def _require_no_session(session: str) -> None:
    """A session id belongs to emulated transports; none are served, so it can name nobody."""
    if session:
        raise bad_request("session", "names no connection here")


METHODS: dict[str, tuple[type[Struct], Method]] = {
    "publish": (requests.PublishRequest, publish),
    "broadcast": (requests.BroadcastRequest, broadcast),
    "subscribe": (requests.SubscribeRequest, subscribe),
    "unsubscribe": (requests.UnsubscribeRequest, unsubscribe),
    "disconnect": (requests.DisconnectRequest, disconnect),
    "refresh": (requests.RefreshRequest, refresh),
    "presence": (requests.ChannelRequest, presence),
    "presence_stats": (requests.ChannelRequest, presence_stats),
    "history": (requests.HistoryRequest, history),
    "history_remove": (requests.ChannelRequest, history_remove),
    "channels": (requests.ChannelsRequest, channels),
    "info": (requests.InfoRequest, info),
    "rpc": (requests.RPCRequest, rpc),
}
