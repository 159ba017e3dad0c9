"""The messages of the Centrifuge protocol v2 as values. Field names and omission rules: docs/protocol.md section 2.

Zero values are left out on the wire, `null` is never written. A method's result key is always written, even when the
result is empty, because every SDK reads it without a default. Raw JSON values (`data`, `info`) pass through as bytes:
they are checked once at entry (`hub.payload`) and never decoded again.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, Raw, Struct, UnsetType

UInt32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]
UInt64 = Annotated[int, Meta(ge=0, le=2**63 - 1)]  # msgspec bounds are int64; JavaScript stops at 2**53 anyway

OptionalRaw = Raw | UnsetType

FLAG_REJECT_UNRECOVERED = 2
"""Subscribe flag: answer error 112 instead of `recovered: false`. Bit 1, which every SDK sends, is ignored."""


class StreamPosition(Struct, omit_defaults=True, gc=False, frozen=True):
    """Where a channel's stream stands: the last offset and the epoch that gives offsets their meaning."""

    offset: UInt64 = 0
    epoch: str = ""


class ClientInfo(Struct, omit_defaults=True, gc=False):
    """Who published, joined or is present. `user` and `client` are always on the wire, even empty."""

    user: str
    client: str
    conn_info: OptionalRaw = UNSET
    chan_info: OptionalRaw = UNSET


class Publication(Struct, omit_defaults=True, gc=False):
    """One message of a channel. `offset` is 0 (absent) where the channel keeps no history."""

    data: OptionalRaw = UNSET
    info: ClientInfo | UnsetType = UNSET
    offset: UInt64 = 0
    tags: dict[str, str] | UnsetType = UNSET


# --- requests -------------------------------------------------------------------------------------------------------


class RecoverRequest(Struct, gc=False):
    """The client's position in a server-side subscription, sent with `connect`."""

    recover: bool = False
    epoch: str = ""
    offset: UInt64 = 0


class ConnectRequest(Struct, gc=False):
    token: str = ""
    data: OptionalRaw = UNSET
    subs: dict[str, RecoverRequest] | UnsetType = UNSET
    name: str = ""
    version: str = ""
    headers: dict[str, str] | UnsetType = UNSET


class SubscribeRequest(Struct, gc=False):
    channel: str = ""
    token: str = ""
    recover: bool = False
    epoch: str = ""
    offset: UInt64 = 0
    data: OptionalRaw = UNSET
    positioned: bool = False
    recoverable: bool = False
    join_leave: bool = False
    delta: str = ""
    tf: OptionalRaw = UNSET
    flag: int = 0
    type: int = 0


class UnsubscribeRequest(Struct, gc=False):
    channel: str = ""


class PublishRequest(Struct, gc=False):
    channel: str = ""
    data: OptionalRaw = UNSET


class PresenceRequest(Struct, gc=False):
    channel: str = ""


class PresenceStatsRequest(Struct, gc=False):
    channel: str = ""


class HistoryRequest(Struct, gc=False):
    channel: str = ""
    limit: int = 0
    since: StreamPosition | UnsetType = UNSET
    reverse: bool = False


class PingRequest(Struct, gc=False):
    pass


class SendRequest(Struct, gc=False):
    data: OptionalRaw = UNSET


class RPCRequest(Struct, gc=False):
    method: str = ""
    data: OptionalRaw = UNSET


class RefreshRequest(Struct, gc=False):
    token: str = ""


class SubRefreshRequest(Struct, gc=False):
    channel: str = ""
    token: str = ""


class Command(Struct, gc=False):
    """What a client sends. With no id and no method it is a pong."""

    id: UInt32 = 0
    publish: PublishRequest | UnsetType = UNSET
    rpc: RPCRequest | UnsetType = UNSET
    connect: ConnectRequest | UnsetType = UNSET
    subscribe: SubscribeRequest | UnsetType = UNSET
    unsubscribe: UnsubscribeRequest | UnsetType = UNSET
    presence: PresenceRequest | UnsetType = UNSET
    presence_stats: PresenceStatsRequest | UnsetType = UNSET
    history: HistoryRequest | UnsetType = UNSET
    ping: PingRequest | UnsetType = UNSET
    send: SendRequest | UnsetType = UNSET
    refresh: RefreshRequest | UnsetType = UNSET
    sub_refresh: SubRefreshRequest | UnsetType = UNSET


# --- results --------------------------------------------------------------------------------------------------------


class SubscribeResult(Struct, omit_defaults=True, gc=False):
    """With `recovered`, `offset` is the position the client asked from and `publications` lead to the top;
    without, it is the top (docs/protocol.md, trap 5)."""

    expires: bool = False
    ttl: UInt32 = 0
    recoverable: bool = False
    epoch: str = ""
    publications: list[Publication] | UnsetType = UNSET
    recovered: bool = False
    offset: UInt64 = 0
    positioned: bool = False
    data: OptionalRaw = UNSET
    was_recovering: bool = False
    delta: bool = False


class ConnectResult(Struct, omit_defaults=True, gc=False):
    client: str
    version: str
    expires: bool = False
    ttl: UInt32 = 0
    data: OptionalRaw = UNSET
    subs: dict[str, SubscribeResult] | UnsetType = UNSET
    ping: UInt32 = 0
    pong: bool = False
    session: str = ""
    node: str = ""
    time: int = 0


class UnsubscribeResult(Struct, gc=False):
    pass


class PublishResult(Struct, gc=False):
    pass


class PresenceResult(Struct, gc=False):
    presence: dict[str, ClientInfo]


class PresenceStatsResult(Struct, gc=False):
    num_clients: int
    num_users: int


class HistoryResult(Struct, gc=False):
    publications: list[Publication]
    epoch: str
    offset: int


class RPCResult(Struct, omit_defaults=True, gc=False):
    data: OptionalRaw = UNSET


class RefreshResult(Struct, omit_defaults=True, gc=False):
    client: str = ""
    version: str = ""
    expires: bool = False
    ttl: UInt32 = 0


class SubRefreshResult(Struct, omit_defaults=True, gc=False):
    expires: bool = False
    ttl: UInt32 = 0


# --- pushes and replies ---------------------------------------------------------------------------------------------


class Join(Struct, gc=False):
    info: ClientInfo


class Leave(Struct, gc=False):
    info: ClientInfo


class Unsubscribe(Struct, gc=False):
    code: int
    reason: str


class Message(Struct, gc=False):
    data: Raw


class Subscribe(Struct, omit_defaults=True, gc=False):
    """Tells a client of a new server-side subscription."""

    recoverable: bool = False
    epoch: str = ""
    offset: UInt64 = 0
    positioned: bool = False
    data: OptionalRaw = UNSET


class DisconnectPush(Struct, gc=False):
    """Transports without close codes (HTTP-streaming, SSE, unidirectional) say the disconnect this way."""

    code: int
    reason: str


class Refresh(Struct, omit_defaults=True, gc=False):
    expires: bool = False
    ttl: UInt32 = 0


class Push(Struct, omit_defaults=True, gc=False):
    channel: str = ""
    pub: Publication | UnsetType = UNSET
    join: Join | UnsetType = UNSET
    leave: Leave | UnsetType = UNSET
    unsubscribe: Unsubscribe | UnsetType = UNSET
    message: Message | UnsetType = UNSET
    subscribe: Subscribe | UnsetType = UNSET
    connect: ConnectResult | UnsetType = UNSET
    disconnect: DisconnectPush | UnsetType = UNSET
    refresh: Refresh | UnsetType = UNSET


class Error(Struct, omit_defaults=True, gc=False):
    code: int
    message: str
    temporary: bool = False


class Reply(Struct, omit_defaults=True, gc=False):
    """What the server sends: the answer to a command (its id), or a push. With neither it is a ping."""

    id: UInt32 = 0
    error: Error | UnsetType = UNSET
    push: Push | UnsetType = UNSET
    connect: ConnectResult | UnsetType = UNSET
    subscribe: SubscribeResult | UnsetType = UNSET
    unsubscribe: UnsubscribeResult | UnsetType = UNSET
    publish: PublishResult | UnsetType = UNSET
    presence: PresenceResult | UnsetType = UNSET
    presence_stats: PresenceStatsResult | UnsetType = UNSET
    history: HistoryResult | UnsetType = UNSET
    rpc: RPCResult | UnsetType = UNSET
    refresh: RefreshResult | UnsetType = UNSET
    sub_refresh: SubRefreshResult | UnsetType = UNSET
