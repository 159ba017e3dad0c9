"""The bodies of the server HTTP API (docs/protocol.md section 7.2). Unknown fields are ignored, as Centrifugo does.

`data` and `info` stay raw JSON; their `b64` twins carry the same base64-encoded.
"""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

from hub.protocol.messages import StreamPosition, UInt32, UInt64


class PublishRequest(Struct, gc=False):
    channel: str = ""
    data: Raw | UnsetType = UNSET
    b64data: str = ""
    skip_history: bool = False
    tags: dict[str, str] | UnsetType = UNSET
    idempotency_key: str = ""
    delta: bool = False
    version: UInt64 = 0
    version_epoch: str = ""


class BroadcastRequest(Struct, gc=False):
    channels: list[str] | UnsetType = UNSET
    data: Raw | UnsetType = UNSET
    b64data: str = ""
    skip_history: bool = False
    tags: dict[str, str] | UnsetType = UNSET
    idempotency_key: str = ""
    delta: bool = False
    version: UInt64 = 0
    version_epoch: str = ""


class BoolValue(Struct, gc=False):
    value: bool = False


class Override(Struct, gc=False):
    presence: BoolValue | UnsetType = UNSET
    join_leave: BoolValue | UnsetType = UNSET
    force_push_join_leave: BoolValue | UnsetType = UNSET
    force_positioning: BoolValue | UnsetType = UNSET
    force_recovery: BoolValue | UnsetType = UNSET


class SubscribeRequest(Struct, gc=False):
    user: str | UnsetType = UNSET
    channel: str = ""
    client: str = ""
    session: str = ""
    info: Raw | UnsetType = UNSET
    b64info: str = ""
    data: Raw | UnsetType = UNSET
    b64data: str = ""
    expire_at: UInt64 = 0
    recover_since: StreamPosition | UnsetType = UNSET
    override: Override | UnsetType = UNSET


class UnsubscribeRequest(Struct, gc=False):
    user: str | UnsetType = UNSET
    channel: str = ""
    client: str = ""
    session: str = ""


class DisconnectWith(Struct, gc=False):
    code: UInt32 = 0
    reason: str = ""


class DisconnectRequest(Struct, gc=False):
    user: str | UnsetType = UNSET
    client: str = ""
    session: str = ""
    whitelist: set[str] = set()
    disconnect: DisconnectWith | UnsetType = UNSET


class RefreshRequest(Struct, gc=False):
    user: str | UnsetType = UNSET
    client: str = ""
    session: str = ""
    expired: bool = False
    expire_at: UInt64 = 0
    info: Raw | UnsetType = UNSET


class ChannelRequest(Struct, gc=False):
    """presence, presence_stats, history_remove."""

    channel: str = ""


class HistoryRequest(Struct, gc=False):
    channel: str = ""
    limit: int = 0
    since: StreamPosition | UnsetType = UNSET
    reverse: bool = False


class ChannelsRequest(Struct, gc=False):
    pattern: str = ""


class InfoRequest(Struct, gc=False):
    pass


class RPCRequest(Struct, gc=False):
    method: str = ""
    params: Raw | UnsetType = UNSET


class BatchCommand(Struct, gc=False):
    """One command of a batch: exactly one method with its request."""

    publish: PublishRequest | UnsetType = UNSET
    broadcast: BroadcastRequest | UnsetType = UNSET
    subscribe: SubscribeRequest | UnsetType = UNSET
    unsubscribe: UnsubscribeRequest | UnsetType = UNSET
    disconnect: DisconnectRequest | UnsetType = UNSET
    refresh: RefreshRequest | UnsetType = UNSET
    presence: ChannelRequest | UnsetType = UNSET
    presence_stats: ChannelRequest | UnsetType = UNSET
    history: HistoryRequest | UnsetType = UNSET
    history_remove: ChannelRequest | UnsetType = UNSET
    channels: ChannelsRequest | UnsetType = UNSET
    info: InfoRequest | UnsetType = UNSET
    rpc: RPCRequest | UnsetType = UNSET


class BatchRequest(Struct, gc=False):
    commands: list[BatchCommand | None] = []
    parallel: bool = False
